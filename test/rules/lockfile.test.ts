import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';

interface Package {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
const { packages }: { packages: Readonly<Record<string, Package>> } = JSON.parse(text);

const isLocked = (name: string, folder: string): boolean =>
  `${folder}/node_modules/${name}`.replace(/^[./]+/, '') in packages ||
  (folder !== '.' && isLocked(name, dirname(folder)));

test('the lockfile names no registry', () => {
  const addresses = Object.values(packages).flatMap(({ resolved = '' }) => (resolved.includes(':') ? [resolved] : []));
  expect(addresses).toEqual([]);
});

/** A registry without them lets `npm install` leave them out, and then `npm ci` refuses the lockfile everywhere. */
test('the lockfile has the packages of every platform', () => {
  const absent = Object.entries(packages).flatMap(([folder, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(name, folder === '' ? '.' : folder)),
  );
  expect(absent).toEqual([]);
});
