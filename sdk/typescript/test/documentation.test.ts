import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reasons } from '../src/reasons.ts';
import { version } from '../src/version.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

test('the README explains every reason, and no other', () => {
  const rows = [...read('README.md').matchAll(/^\| `([A-Z_]+)` *\| `([a-z_]+)` *\| (yes|no) *\|/gm)];
  const explained = rows.map(([, reason, code, retryable]) => `${reason} ${code} ${retryable}`);
  const given = Object.entries(reasons).map(
    ([reason, { code, retryable }]) => `${reason} ${code} ${retryable ? 'yes' : 'no'}`,
  );
  expect(explained.toSorted()).toEqual(given.toSorted());
});

test('the version is the package’s', () => {
  const manifest: unknown = JSON.parse(read('package.json'));
  expect(manifest).toMatchObject({ version });
});
