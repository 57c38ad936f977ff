/**
 * A world whose program has a planted bug. Where the bug is in a file of `src`, every module of the program and of the
 * simulation is loaded once more for it, under addresses of their own, with that one place changed on the way.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { World } from '../world.ts';
import { mutations } from './catalogue.ts';
import type { Mutation } from './mutation.ts';

const root = new URL('../../../', import.meta.url);
const parameter = 'mutation';

/** Its own modules and the program's, without what is generated. */
const isOurs = (url: string): boolean =>
  url.startsWith(root.href) && !url.includes('/node_modules/') && !url.includes('/gen/');

const mutationOf = (url: string | undefined): string | undefined =>
  url === undefined || !url.includes(`?${parameter}=`) ? undefined : url.slice(url.indexOf('=') + 1);

let isHooked = false;

const hookLoading = (): void => {
  if (isHooked) return;
  isHooked = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      const name = mutationOf(context.parentURL);
      if (name === undefined || !isOurs(resolved.url) || mutationOf(resolved.url) !== undefined) return resolved;
      return { ...resolved, url: `${resolved.url}?${parameter}=${name}` };
    },
    load: (url, context, next) => {
      const loaded = next(url, context);
      const edited = editedSource(url);
      return edited === undefined ? loaded : { ...loaded, source: edited };
    },
  });
};

const editedSource = (url: string): string | undefined => {
  const name = mutationOf(url);
  if (name === undefined) return undefined;
  const path = url.slice(root.href.length, url.indexOf('?'));
  const edits = mutations.find((mutation) => mutation.name === name)?.edits?.filter(({ file }) => file === path) ?? [];
  if (edits.length === 0) return undefined;
  return edits.reduce(
    (source, edit) => {
      if (source.split(edit.find).length !== 2)
        throw new Error(`mutation ${name}: ${path} no longer has exactly one place that reads ${edit.find}`);
      return source.replace(edit.find, () => edit.replace);
    },
    readFileSync(fileURLToPath(new URL(path, root)), 'utf8'),
  );
};

/** The class of worlds whose program has the bug. */
export const worldWith = async ({ name, edits = [] }: Mutation): Promise<typeof World> => {
  hookLoading();
  const address = edits.length === 0 ? '../world.ts' : `../world.ts?${parameter}=${name}`;
  const loaded: { readonly World: typeof World } = await import(address);
  return loaded.World;
};
