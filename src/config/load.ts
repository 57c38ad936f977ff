/** Puts a configuration together: defaults, under the file, under the environment, under the flags. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import type { z } from 'zod';
import { FabricError } from '../model/error.ts';
import { type Config, configSchema } from './schema.ts';
import { type Setting, settings } from './settings.ts';

export interface Sources {
  /** YAML file; absent for none. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By flag name, without the dashes. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Where the file says none. */
  readonly defaultMode?: Config['mode'];
}

interface Tree {
  [key: string]: unknown;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Throws `CONFIG_INVALID` that says where the fault is and what is expected. */
export const loadConfig = ({ file, env, flags, defaultMode }: Sources): Config => {
  const tree = file === undefined ? {} : readTree(file);
  const origins = new Map<string, string>();
  for (const setting of settings) {
    const found = override(setting, { env, flags });
    if (found === undefined) continue;
    put(tree, setting.path, found.value);
    origins.set(setting.path.join('.'), found.origin);
  }
  if (defaultMode !== undefined) tree['mode'] ??= defaultMode;
  const parsed = configSchema.safeParse(tree);
  if (parsed.success) return parsed.data;
  throw new FabricError('CONFIG_INVALID', explain(parsed.error, { file, origins }));
};

const override = (
  { env: name, flag }: Setting,
  { env, flags }: Pick<Sources, 'env' | 'flags'>,
): { readonly value: unknown; readonly origin: string } | undefined => {
  const given = flag === undefined ? undefined : flags[flag];
  if (given !== undefined) return { value: given, origin: `--${flag}` };
  const variable = name === undefined ? undefined : env[name];
  return variable === undefined || variable === '' ? undefined : { value: variable, origin: `${name}` };
};

/** Loaded only where there is a file: its 72 modules cost a gateway without one 25 ms and some MB. */
const yaml = (): typeof Yaml => createRequire(import.meta.url)('yaml');

const readTree = (file: string): Tree => {
  const { parse } = yaml();
  try {
    const tree: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    if (isTree(tree)) return tree;
  } catch (cause) {
    throw new FabricError('CONFIG_INVALID', `${file}: ${cause instanceof Error ? cause.message : 'cannot be read'}`, {
      cause,
    });
  }
  throw new FabricError('CONFIG_INVALID', `${file}: is not a list of settings`);
};

const put = (tree: Tree, [key = '', ...rest]: readonly string[], value: unknown): void => {
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key] ?? {};
  // What is not a tree here is refused by the schema, with its place.
  if (!isTree(below)) return;
  tree[key] = below;
  put(below, rest, value);
};

const explain = (
  error: z.ZodError,
  { file, origins }: { file: string | undefined; origins: ReadonlyMap<string, string> },
): string =>
  error.issues
    .map((issue) => {
      const path = issue.path.join('.');
      const where = origins.get(path) ?? file ?? 'configuration';
      const unknown = issue.code === 'unrecognized_keys' ? `unknown setting ${issue.keys.join(', ')}` : issue.message;
      return `${where}: ${path === '' ? '' : `${path}: `}${unknown}`;
    })
    .join('; ');
