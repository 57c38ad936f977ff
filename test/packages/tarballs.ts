/** What is published, packed from a copy of the checkout as a clone would have it: nothing built, nothing left over. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../command.ts';
import { environmentOf, pinnedNode } from './release.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Tarballs of the product and of the SDK. */
export const packTarballs = async (folder: string): Promise<string[]> => {
  const copy = join(folder, 'checkout');
  const tarballs = join(folder, 'tarballs');
  copyCheckout(copy);
  mkdirSync(tarballs);
  // One after the other: packing builds, and both build the SDK.
  for (const cwd of [copy, join(copy, 'sdk/typescript')]) await pack(cwd, tarballs);
  return readdirSync(tarballs).map((name) => join(tarballs, name));
};

const copyCheckout = (copy: string): void => {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  const files = listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  for (const file of files) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
};

const pack = async (cwd: string, destination: string): Promise<void> => {
  const { exitCode, log, out } = await runCommand('npm', ['pack', '--pack-destination', destination], {
    cwd,
    env: environmentOf(pinnedNode),
  });
  if (exitCode !== 0) throw new Error(`${out}${log}`);
};
