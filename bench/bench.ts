/** `npm run bench`: our speed, each figure beside what the bare parts do in the same run on the same machine. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Compared, compare } from './compare/comparison.ts';
import type { Figure } from './harness/figures.ts';
import { watchOthers } from './harness/process-usage.ts';
import { machine, type Report, toJson, toTable } from './harness/report.ts';
import { type Composition, Setting } from './harness/setting.ts';
import { absence } from './lines/absence.ts';
import { connect } from './lines/connect.ts';
import { failover } from './lines/failover.ts';
import { fanOut } from './lines/fan-out.ts';
import { idle } from './lines/idle.ts';
import { kv } from './lines/kv.ts';
import { large } from './lines/large.ts';
import { latency } from './lines/latency.ts';
import { log } from './lines/log.ts';
import { relay } from './lines/relay.ts';
import { start } from './lines/start.ts';
import { topics } from './lines/topics.ts';
import { workers } from './lines/workers.ts';

type Line = (setting: Setting) => Promise<readonly Figure[]>;

const lines: Readonly<Record<string, readonly [Line, string]>> = {
  relay: [relay, 'messages of 256 B between 1, 10 and 50 pairs'],
  large: [large, 'messages of 256 KiB, small ones beside them'],
  log: [log, 'the message log alone'],
  latency: [latency, 'publish to deliver at 100 and 1,000 messages a second'],
  'fan-out': [fanOut, 'broadcasts to 20 and 100 recipients'],
  connect: [connect, 'connecting all at once, and again after all dropped'],
  idle: [idle, 'memory and processor time of connections that do nothing'],
  topics: [topics, 'the same messages over 10, 1,000 and 10,000 topics'],
  kv: [kv, 'put, get and increment of 16 connections'],
  workers: [workers, 'the relay through two processes behind one port'],
  absence: [absence, 'coming back while 5,000,000 messages for others have passed'],
  failover: [failover, 'how long clients hear nothing when their gateway crashes or restarts'],
  start: [start, 'the embedded fabric from start to serving'],
};

interface Options {
  /** All of them, or with `compare` none, where it is not said. */
  readonly only?: readonly string[];
  readonly compare?: boolean;
  readonly composition: Composition | 'both';
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  readonly topics: number;
  readonly behind: number;
  readonly profile?: string;
  readonly json?: boolean;
}

const parseLines = (text: string): readonly string[] => {
  const names = text.split(',');
  const unknown = names.find((name) => !(name in lines));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${Object.keys(lines).join(', ')}`);
  return names;
};

const parseNumber = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('it has to be a number above 0');
  return value;
};

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

const measure = async (setting: Setting, only: readonly string[]): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const name of only) {
    const line = lines[name]?.[0];
    if (line === undefined) continue;
    setting.takeLogs();
    figures.push(...(await outcomeOf(name, { setting, figures: line(setting) })));
  }
  return figures;
};

/** A line that fails takes nothing from the others: what was measured in minutes is told. */
const outcomeOf = async (
  name: string,
  { setting, figures }: { setting: Setting; figures: Promise<readonly Figure[]> },
): Promise<readonly Figure[]> => {
  try {
    return await figures;
  } catch (thrown) {
    process.exitCode = 1;
    progress(`${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}\n${setting.takeLogs()}`);
    return [];
  }
};

/** Not in place of what was measured: where it fails, the rest is told. */
const comparison = async (setting: Setting): Promise<readonly Compared[]> => {
  try {
    return await compare(setting);
  } catch (thrown) {
    process.exitCode = 1;
    progress(`compare failed: ${thrown instanceof Error ? thrown.message : String(thrown)}\n${setting.takeLogs()}`);
    return [];
  }
};

const run = async ({ only, composition, seconds, rounds, ...options }: Options): Promise<Report> => {
  const others = watchOthers();
  const startedAt = new Date().toISOString();
  const compositions = composition === 'both' ? (['embedded', 'stack'] as const) : [composition];
  const setting = new Setting({ ...options, compositions, seconds, rounds, profile: options.profile, progress });
  try {
    const figures = await measure(setting, only ?? (options.compare === true ? [] : Object.keys(lines)));
    const compared = options.compare === true ? await comparison(setting) : [];
    await setting[Symbol.asyncDispose]();
    return { machine: machine(), startedAt, others: others(), seconds, rounds, figures, compared };
  } finally {
    await setting[Symbol.asyncDispose]();
  }
};

const program = new Command('bench')
  .description('Measures the fabric beside the ceilings of its parts; docs/performance.md says what each line means.')
  .option('--only <lines>', 'some of them, by comma; all by default', parseLines)
  .option('--compare', 'the same work on RabbitMQ Streams, AMQP quorum queues, Redis Streams and NATS JetStream')
  .addOption(new Option('--composition <which>', 'which fabric').choices(['embedded', 'stack', 'both']).default('both'))
  .option('--seconds <seconds>', 'how long one measurement takes', parseNumber, 3)
  .option('--rounds <rounds>', 'how often each is measured, in turns', parseNumber, 3)
  .option('--connections <count>', 'of the lines that hold many', parseNumber, 2000)
  .option('--topics <count>', 'the most that messages are spread over, up to 100000', parseNumber, 10_000)
  .option('--behind <count>', 'messages for others that pass during an absence', parseNumber, 5_000_000)
  .option('--profile <folder>', 'write there where the time goes (relay, log, kv)')
  .option('--json', 'as JSON on standard output')
  .addHelpText(
    'after',
    `\nLines:\n${Object.entries(lines)
      .map(([name, [, text]]) => `  ${name.padEnd(10)} ${text}`)
      .join('\n')}`,
  );

const options: Options = program.parse().opts();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const report = await run(options);
console.log(options.json === true ? toJson(report) : toTable(report));
