/** `npm run demo` as a newcomer runs it: with processes and services of its own. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Happening } from '../../examples/demo/report.ts';
import { jsonLines, runCommand } from '../command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const demo = async (...args: readonly string[]) => {
  const command = ['run', '--silent', 'demo', '--', '--json', ...args];
  const { exitCode, out, log } = await runCommand('npm', command, { cwd: root });
  return { exitCode, log, happenings: jsonLines<Happening>(out) };
};

type Event = Happening['event'];

const those = <E extends Event>(happenings: readonly Happening[], event: E) =>
  happenings.filter((happening): happening is Extract<Happening, { event: E }> => happening.event === event);

/** The events alone, without how far each answer was. */
const courseOf = (happenings: readonly Happening[]): Event[] =>
  happenings.map(({ event }) => event).filter((event) => event !== 'progress');

const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'aether-demo-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.for([
  { composition: 'embedded', args: [], gateways: 1 },
  { composition: 'stack', args: ['--stack'], gateways: 2 },
])('$composition: what is asked is answered from our documents', async ({ composition, args, gateways }) => {
  const { exitCode, happenings, log } = await demo(...args);
  expect(exitCode, log).toBe(0);

  const [fabric] = those(happenings, 'fabric');
  expect(fabric).toMatchObject({ composition });
  const addresses = fabric?.gateways.map(({ address }) => address) ?? [];
  expect(addresses).toHaveLength(gateways);
  const agents = those(happenings, 'agent');
  expect(agents.map(({ gateway }) => gateway)).toEqual([addresses.at(0), addresses.at(0)]);
  expect(those(happenings, 'person').map(({ gateway }) => gateway)).toEqual([addresses.at(-1)]);

  const answers = those(happenings, 'answer');
  expect(answers.map(({ question }) => question)).toEqual(
    those(happenings, 'question').map(({ question }) => question),
  );
  expect(answers.filter(({ sources }) => sources.length === 0)).toEqual([]);
  const [port] = answers;
  expect(port?.text).toContain('50051');
  expect(port?.sources[0]?.file).toBe('docs/configuration.md');
  expect(those(happenings, 'progress').map(({ summary }) => summary)).toContainEqual(
    expect.stringMatching(/^reading /),
  );

  const course = courseOf(happenings);
  expect(course.slice(course.indexOf('away'))).toEqual(['away', 'question', 'agent', 'answer', 'done']);
  const pids = [...(fabric?.gateways ?? []), ...agents].map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(gateways + 2);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('any folder of Markdown can be asked, and says so where it does not know', async () => {
  const folder = makeFolder();
  copyFileSync(`${root}sdk/typescript/README.md`, join(folder, 'client.md'));
  const questions = ['Which option says how long a request may wait?', 'Which horse won the derby?'];
  const { exitCode, happenings, log } = await demo('--folder', folder, ...questions);
  expect(exitCode, log).toBe(0);
  const [known, unknown] = those(happenings, 'answer');
  expect(known?.text).toContain('requestTimeoutMs');
  expect(known?.sources[0]?.file).toBe('client.md');
  expect(unknown).toMatchObject({ question: questions[1], sources: [] });
  expect(unknown?.text).toMatch(/^I do not know/);
});

test('a single question is asked with the agent there and away', async () => {
  const { exitCode, happenings, log } = await demo('How long are messages kept?');
  expect(exitCode, log).toBe(0);
  expect(courseOf(happenings)).toEqual([
    'fabric',
    'person',
    'agent',
    'question',
    'answer',
    'away',
    'question',
    'agent',
    'answer',
    'done',
  ]);
});

test('without documents there is no answer, one line says so, and nothing is left running', async () => {
  const folder = makeFolder();
  const { exitCode, happenings, log } = await demo('--folder', folder);
  expect(exitCode).toBe(1);
  expect(log).toContain(`there is no Markdown in ${folder}`);
  expect(those(happenings, 'answer')).toEqual([]);
  const pids = those(happenings, 'fabric').flatMap(({ gateways }) => gateways.map(({ pid }) => pid));
  expect(pids).toHaveLength(1);
  expect(pids.filter(isAlive)).toEqual([]);
});
