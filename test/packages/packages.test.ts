/** The packages as they are published: packed, installed into an empty project, run with the Nodes they are for. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Command, jsonLines, runCommand } from '../command.ts';
import { stackEnvironment, unique } from '../flows/fabric.ts';
import { Project } from './project.ts';
import { environmentOf, oldestNode, pinnedNode, tooOldNode } from './release.ts';
import { packTarballs } from './tarballs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'aether-packages-'));
const within = (name: string): string => join(folder, name);

const projects = new Map<string, Project>();

const project = (name: string): Project => {
  const found = projects.get(name);
  if (found === undefined) throw new Error(`no project ${name}`);
  return found;
};

/** Building, packing and installing, on a slow line at that. */
const setUpTimeoutMs = 300_000;

beforeAll(async () => {
  const [tarballs, oldest] = await Promise.all([packTarballs(folder), oldestNode(within('node'))]);
  const install = async (name: string, node: string): Promise<void> => {
    projects.set(name, await Project.install({ folder: within(name), node, tarballs }));
  };
  await Promise.all([install('oldest', oldest), install('pinned', pinnedNode)]);
}, setUpTimeoutMs);

afterAll(() => rmSync(folder, { recursive: true }));

/** What npm itself has to say goes to the same place. */
const withoutNpm = (log: string): string =>
  log
    .split('\n')
    .filter((line) => !line.startsWith('npm '))
    .join('\n');

interface Announcement {
  readonly mode: string;
  readonly grpc: string;
  readonly pid: number;
}

const announced = async (gateway: Command): Promise<Announcement> => JSON.parse(await gateway.line()) as Announcement;

/** Stops the gateway as an operator does, past the `npx` it was started with. */
const stop = async (gateway: Command, { pid }: Announcement): Promise<void> => {
  process.kill(pid, 'SIGTERM');
  const { exitCode, log } = await gateway.ended;
  expect(exitCode).toBe(0);
  expect(withoutNpm(log)).toBe('');
};

const ports = ['--port', '0', '--ops-port', '0', '--log-level', 'warn', '--json'];

/** The first script of the SDK's README, at another address than the default. */
const readmeScript = (): string => {
  const [, script = ''] = /```js\n([^]*?)```/.exec(readFileSync(`${root}sdk/typescript/README.md`, 'utf8')) ?? [];
  return script.replaceAll(/(connect\w+\(\{)/g, '$1 address: process.argv[2],');
};

describe.each(['oldest', 'pinned'])('with the %s Node', (name) => {
  test('npx aether --help tells what there is', async () => {
    const { exitCode, out } = await project(name).run(['npx', 'aether', '--help']);
    expect(exitCode).toBe(0);
    for (const command of ['up', 'gateway', 'send', 'tail', 'who', 'doctor']) expect(out).toMatch(` ${command} `);
  });

  test('npx aether up serves, a ten-line script sends and receives, and so do the commands', async () => {
    const { folder: cwd } = project(name);
    await using gateway = project(name).start(['npx', 'aether', 'up', '--data-dir', join(cwd, 'data'), ...ports]);
    const announcement = await announced(gateway);
    expect(announcement.mode).toBe('embedded');
    const at = ['--address', announcement.grpc, '--json'];
    const aether = async (...args: readonly string[]): Promise<unknown[]> => {
      const { exitCode, out, log } = await project(name).run(['npx', 'aether', ...args, ...at]);
      expect(exitCode, log).toBe(0);
      expect(withoutNpm(log)).toBe('');
      return jsonLines(out);
    };

    const script = readmeScript();
    expect(script.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
    project(name).write('script.mjs', script);
    await using program = project(name).start(['node', 'script.mjs', announcement.grpc]);
    expect(await program.line()).toBe('Hello, Alice!');

    const online = (await aether('who')).map((session) => (session as { identity: string }).identity);
    expect(online).toContain('ag::demo::greeter::1');
    expect(await aether('send', 'ag::demo::echo::1', 'hello')).toMatchObject([{ event: 'durable', bytes: 5 }]);
    expect(await aether('tail', 'ag::demo::echo::1', '--count', '1')).toMatchObject([{ text: 'hello' }]);
    await program[Symbol.asyncDispose]();
    await stop(gateway, announcement);
  });

  test('npx aether gateway serves with the stack settings of the package', async () => {
    const settings = 'node_modules/aether-fabric/configs/stack.yaml';
    const command = ['npx', 'aether', 'gateway', '--config', settings, ...ports];
    await using gateway = project(name).start(command, stackEnvironment(unique('packages')));
    const announcement = await announced(gateway);
    expect(announcement.mode).toBe('stack');
    await stop(gateway, announcement);
  });
});

test.each([
  ['aether-fabric', 'CHANGELOG.md', 'bin/aether.js', 'configs/embedded.yaml', 'configs/stack.yaml'],
  ['aether-fabric', 'dist/cli/main.js', 'sdk/typescript/dist/index.js', 'api/proto/aether/v1/gateway.proto'],
  ['@aether-fabric/sdk', 'dist/index.js', 'dist/index.d.ts'],
])('%s brings what it needs', (name, ...needed) => {
  const files = project('oldest').filesOf(name);
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', ...needed]));
});

test.each(['aether-fabric', '@aether-fabric/sdk'])('%s brings neither sources nor tests', (name) => {
  const files = project('oldest').filesOf(name);
  expect(files.filter((file) => /(?<!\.d)\.ts$|(^|\/)(src|test|bench|examples|scripts)\/|\.test\./.test(file))).toEqual(
    [],
  );
});

test('a Node that is too old hears which one is needed', async () => {
  const node = await tooOldNode(within('too-old'));
  const { folder: cwd } = project('oldest');
  const bin = 'node_modules/aether-fabric/bin/aether.js';
  const { exitCode, out, log } = await runCommand(node, [bin, 'up'], { cwd, env: environmentOf(node) });
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
  expect(log).toMatch(/^aether needs Node 22\.13 or newer; this is v\d+\.\d+\.\d+\.\n$/);
});

test('a checkout that is not built says so', async () => {
  const cwd = within('unbuilt');
  for (const file of ['bin', 'package.json']) cpSync(`${root}${file}`, join(cwd, file), { recursive: true });
  const { exitCode, out, log } = await runCommand(pinnedNode, ['bin/aether.js', '--help'], { cwd });
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
  expect(log).toMatch(/^aether is not built: .*\n$/);
});
