/** The configuration reference and the example files, written from the schema so that they cannot say anything else. */
import { type Config, configSchema } from './schema.ts';
import { type Setting, settings } from './settings.ts';

type Mode = Config['mode'];

const defaults = configSchema.parse({});

/** Sections only one of the compositions reads. */
const sectionModes: Readonly<Record<string, Mode>> = {
  embedded: 'embedded',
  redis: 'stack',
  rabbitmq: 'stack',
  postgres: 'stack',
};

const durations = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
  [1, 'ms'],
] as const;

const sizes = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
] as const;

const withUnit = (value: number, units: readonly (readonly [number, string])[]): string => {
  const [factor, unit] = units.find(([size]) => value % size === 0) ?? [1, ''];
  return `${value / factor}${unit}`;
};

const at = (value: unknown, [key, ...rest]: readonly string[]): unknown =>
  key === undefined
    ? value
    : typeof value === 'object' && value !== null
      ? at(Reflect.get(value, key), rest)
      : undefined;

/** The default as it is written in a file. */
const written = ({ path, quantity }: Setting): string => {
  const value = at(defaults, path);
  if (typeof value === 'number' && quantity !== undefined)
    return withUnit(value, quantity === 'duration' ? durations : sizes);
  return JSON.stringify(value);
};

/** `docs/configuration.md`. */
export const referencePage = (): string => {
  const rows = settings.map((setting) => {
    const { path, env, flag, about } = setting;
    const cells = [path.join('.'), written(setting), flag === undefined ? '' : `--${flag}`, env ?? ''];
    return `| ${cells.map((cell) => (cell === '' ? '' : `\`${cell}\``)).join(' | ')} | ${about.replaceAll('|', '\\|')} |`;
  });
  return [
    '# Configuration',
    '',
    'Written from the schema (`npm run reference`); a check keeps it true. A flag wins over the environment, the environment',
    'over the file, the file over the default. Durations and sizes have a unit: `250ms`, `30s`, `5m`, `7d`; `64KiB`, `10GiB`.',
    'An unknown setting is an error.',
    '',
    '| setting | default | flag | environment | meaning |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
};

const intros: Readonly<Record<Mode, string>> = {
  embedded:
    '# Everything `aether up` can be told, with its defaults. It needs none of this: start it and change what you must.',
  stack:
    '# Everything `aether gateway` can be told, with its defaults. Gateways of one fabric differ in their ports at most.',
};

/** `configs/{mode}.yaml`: every setting the composition reads, at its default. */
export const exampleFile = (mode: Mode): string => {
  const read = settings.filter(({ path }) => (sectionModes[path[0] ?? ''] ?? mode) === mode);
  const head = [
    intros[mode],
    '# Each is explained in docs/configuration.md; secrets are better given through the environment.',
    '',
  ];
  return `${[...head, ...block(read, { depth: 0, mode })].join('\n')}\n`;
};

/** The lines of settings that share their first `depth` keys. */
const block = (
  read: readonly Setting[],
  { depth, mode }: { readonly depth: number; readonly mode: Mode },
): readonly string[] => {
  const indent = '  '.repeat(depth);
  const byKey = Map.groupBy(read, ({ path }) => path[depth] ?? '');
  return [...byKey].flatMap(([key, below]) => {
    const [setting] = below;
    if (setting?.path.length === depth + 1) {
      const value = key === 'mode' && depth === 0 ? JSON.stringify(mode) : written(setting);
      return [`${indent}# ${setting.about}`, `${indent}${key}: ${value}`];
    }
    return [...(depth === 0 ? [''] : []), `${indent}${key}:`, ...block(below, { depth: depth + 1, mode })];
  });
};
