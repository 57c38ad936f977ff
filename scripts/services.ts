/** The command line of `scripts/services`; `npm run services -- --help` tells of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { endServices } from './services/instance.ts';
import { exportLinesOf, isWell, type Report, reportOf, textOf } from './services/report.ts';
import { type ServiceName, serviceNames } from './services/service.ts';
import { openServices, type Services } from './services/services.ts';
import { readState } from './services/state.ts';

const defaultDirectory = fileURLToPath(new URL('../.services', import.meta.url));
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Options {
  readonly dir: string;
  readonly only?: readonly ServiceName[];
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** Aborted by Ctrl-C and the like. */
const ending = new AbortController();
let endedBy: (typeof endingSignals)[number] | undefined;

async function up(options: Options): Promise<void> {
  const services = await open(options);
  services.detach();
  print(reportIn(services.directory), options);
}

async function down({ dir }: Options): Promise<void> {
  const wereUp = await endServices(resolve(dir));
  console.error(wereUp ? `ended what was up in ${dir}` : `nothing is up in ${dir}`);
}

function status(options: Options): void {
  const report = reportIn(resolve(options.dir));
  print(report, options);
  if (!isWell(report)) process.exitCode = 1;
}

const env = ({ dir }: Options): void => console.log(exportLinesOf(reportIn(resolve(dir))));

async function run([command = '', ...args]: readonly string[], options: Options): Promise<void> {
  const services = await open(options);
  try {
    process.exitCode = await exitCodeOf(command, args, services.environment);
  } finally {
    await services[Symbol.asyncDispose]();
  }
}

const open = ({ dir, only, keep }: Options): Promise<Services<never>> =>
  openServices({ directory: dir, only: only ?? serviceNames, keep, signal: ending.signal, log: console.error });

function reportIn(directory: string): Report {
  const state = readState(directory);
  if (state === undefined) throw new Error(`nothing is up in ${directory}`);
  return reportOf(directory, state);
}

const print = (report: Report, { json = false }: Pick<Options, 'json'>): void =>
  console.log(json ? JSON.stringify(report, undefined, 2) : textOf(report));

async function exitCodeOf(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
  ending.signal.addEventListener('abort', () => {
    // At a terminal, Ctrl-C goes to the command as well as to us.
    if (endedBy !== 'SIGINT' || !process.stdin.isTTY) child.kill(endedBy);
  });
  const [code, signal]: unknown[] = await once(child, 'exit');
  return typeof code === 'number' ? code : exitCodeOfSignal(signal);
}

const exitCodeOfSignal = (signal: unknown): number =>
  128 + (Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0);

function parseOnly(text: string): ServiceName[] {
  return text.split(',').map((name) => {
    const known = serviceNames.find((service) => service === name);
    if (known === undefined) throw new InvalidArgumentError(`${name} is none of ${serviceNames.join(', ')}`);
    return known;
  });
}

const cli = new Command('services')
  .description(
    'Private Redis, Redis cluster, RabbitMQ (with streams) and Postgres for tests and trials: on free ports of ' +
      '127.0.0.1, with data of their own, apart from whatever else runs on the machine.',
  )
  .addHelpText(
    'after',
    `
Missing servers are installed where this runs as root on Debian or Ubuntu; elsewhere Docker Compose is used if it runs.

Examples:
  npm run services -- up                            start all and leave them running
  eval "$(npm run --silent services -- env)"        tell this shell where they are
  npm run services -- down                          end them and delete their data
  npm run services -- run -- npx vitest run         start all, run a command, end all
  npm run services -- up --only redis --dir /tmp/x  a second set beside the first`,
  );

const verb = (name: string, description: string): Command =>
  cli
    .command(name)
    .description(description)
    .option('--dir <folder>', 'where they keep data and logs', defaultDirectory);

const only = ['--only <names>', `some of them, by comma: ${serviceNames.join(',')}`, parseOnly] as const;
const json = ['--json', 'as JSON on standard output'] as const;

verb('up', 'start them and leave them running')
  .option(...only)
  .option(...json)
  .action(up);
verb('down', 'end what is up and delete its data; nothing happens if nothing is up').action(down);
verb('status', 'show what is up; exit code 1 if a part of it is not')
  .option(...json)
  .action(status);
verb('env', 'print the addresses as export lines for a shell').action(env);
verb('run', 'start them, run a command that finds them in its environment, end them; its exit code is ours')
  .argument('<command...>', 'the command and its arguments, after --')
  .option(...only)
  .option('--keep', 'leave data and logs for a look')
  .action(run);

for (const signal of endingSignals)
  process.on(signal, () => {
    endedBy ??= signal;
    ending.abort();
  });

try {
  await cli.parseAsync();
} catch (error) {
  console.error(endedBy === undefined ? messagesOf(error) : `ended by ${endedBy}`);
  process.exitCode = 1;
}
if (endedBy !== undefined) process.exitCode = exitCodeOfSignal(endedBy);

function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  return [error.message, ...inner.map(messagesOf)].join('\n');
}
