/** The command line of `npm run chaos`; `npm run chaos -- --help` tells of it. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { openServices } from '../../scripts/services/services.ts';
import type { CrowdSize } from './crowd.ts';
import { allFaults } from './faults/all.ts';
import { isClean, reportOf } from './report.ts';
import { type Progress, runChaos } from './run.ts';
import type { Fault } from './stage.ts';

interface Options {
  readonly minutes: number;
  readonly hours?: number;
  readonly seed: number;
  readonly gateways: number;
  readonly rate: number;
  readonly quiet: number;
  readonly only?: readonly Fault[];
  readonly except?: readonly Fault[];
  readonly directory?: string;
  readonly receipts?: true;
  readonly json?: true;
}

const number = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is expected');
  return value;
};

const faultsNamed = (text: string): readonly Fault[] =>
  text.split(',').flatMap((name) => {
    const found = allFaults.filter(({ kind, track }) => kind === name || track === name || kind.startsWith(`${name}-`));
    if (found.length === 0) throw new InvalidArgumentError(`${name} is none; see the list below`);
    return found;
  });

const chosen = ({ only = allFaults, except = [] }: Options): readonly Fault[] =>
  only.filter((fault) => !except.includes(fault));

/** What names and acknowledges beside the rest; or nearly nothing else. */
const size = ({ rate, receipts }: Options): CrowdSize => (receipts === true ? namedSize(rate) : mixedSize(rate));

/** Longer than anything takes once nothing is disturbed any more. */
const endPatienceMs = 120_000;

const namedSize = (rate: number): CrowdSize => ({
  plainSenders: 1,
  sdkSenders: 1,
  plainRecipients: 2,
  sdkRecipients: 2,
  namingSenders: 8,
  ackingRecipients: 12,
  namedPerSecond: rate,
  endPatienceMs,
  messagesPerSecond: rate / 10,
  pulsesPerSecond: 10,
  burst: { least: 10, most: 50 },
  stayMs: 20_000,
  recipientPrograms: 2,
});

const mixedSize = (rate: number): CrowdSize => ({
  plainSenders: 9,
  sdkSenders: 3,
  plainRecipients: 16,
  sdkRecipients: 4,
  namingSenders: 2,
  ackingRecipients: 3,
  namedPerSecond: rate / 60,
  endPatienceMs,
  messagesPerSecond: rate,
  pulsesPerSecond: 10,
  burst: { least: 50, most: 500 },
  stayMs: 30_000,
  recipientPrograms: 2,
});

/** Twice says: at once. */
const interrupted = (): AbortSignal => {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130);
      ending.abort();
    });
  return ending.signal;
};

const run = async (options: Options): Promise<void> => {
  const durationMs = options.hours === undefined ? options.minutes * 60_000 : options.hours * 3_600_000;
  const directory = resolve(options.directory ?? mkdtempSync(join(tmpdir(), 'aether-chaos-run-')));
  mkdirSync(directory, { recursive: true });
  say(`seed ${options.seed}, histories in ${directory}`);
  const ending = interrupted();
  await using services = await openServices({
    directory: join(directory, 'services'),
    only: ['redis', 'rabbitmq', 'postgres'],
    signal: ending,
  });
  const outcome = await runChaos({
    services,
    name: 'chaos',
    seed: options.seed,
    gateways: options.gateways,
    size: size(options),
    directory,
    disturb: (disturbing) =>
      disturbing.follow(chosen(options), { seed: options.seed, quietMs: [500, options.quiet * 1000] }),
    durationMs,
    signal: ending,
    onProgress: progressLine(durationMs),
  });
  writeFileSync(join(directory, 'outcome.json'), JSON.stringify(outcome, undefined, 2));
  process.stdout.write(
    `${options.json ? JSON.stringify({ seed: options.seed, directory, ...outcome }) : reportOf(outcome)}\n`,
  );
  process.exitCode = isClean(outcome) ? 0 : 1;
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** On a terminal it stays in its place. */
const progressLine = (durationMs: number): ((progress: Progress) => void) => {
  const startedMs = performance.now();
  const { isTTY } = process.stderr;
  let lines = 0;
  return ({ sent, delivered, named, told, present }) => {
    const elapsed = Math.round((performance.now() - startedMs) / 1000);
    const text = `${elapsed} s of ${Math.round(durationMs / 1000)}: ${sent} sent, ${delivered} delivered; ${named} named, ${told} of them told of their end; ${present.join(', ') || 'quiet'}`;
    if (isTTY) process.stderr.write(`\r\x1b[K${text}`);
    else if ((lines += 1) % 30 === 0) say(text);
  };
};

const kinds = allFaults.map(({ kind, track }) => `  ${kind.padEnd(24)} ${track}`).join('\n');

await new Command('chaos')
  .description(
    'Puts a fabric of several gateways, on Redis, RabbitMQ and Postgres of its own, under load and disturbs it as the ' +
      'seed says; then judges by what every client wrote down. Exit code 1 if anything is wrong.',
  )
  .option('--minutes <n>', 'how long', number, 3)
  .option('--hours <n>', 'how long', number)
  .option('--seed <n>', 'what is disturbed when follows from it', number, Math.floor(Math.random() * 1e9) + 1)
  .option('--gateways <n>', 'how many', number, 3)
  .option('--rate <n>', 'messages a second, of all senders', number, 1200)
  .option('--quiet <seconds>', 'at most so long between two disturbances of a track', number, 6)
  .option('--only <kinds>', 'some kinds of disturbance, or tracks, by comma; all by default', faultsNamed)
  .option('--except <kinds>', 'all but these', faultsNamed)
  .option('--directory <folder>', 'where histories go')
  .option('--receipts', 'nearly all messages have names, receipts, and recipients that acknowledge')
  .option('--json', 'the outcome as JSON on standard output')
  .addHelpText('after', `\nKinds of disturbance, and their track:\n${kinds}`)
  .action(run)
  .parseAsync();
