/**
 * `npm run test:interop`: stories told by the published Python client, unmodified, to gateways of both compositions.
 * All it needs it makes itself: a private Python environment, private Redis, RabbitMQ and Postgres, and the gateways.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { type Composition, compositions, openGateways } from './interop/gateways.ts';
import { openPython } from './interop/python.ts';
import { storiesFolder, tellStories } from './interop/stories.ts';

interface Options {
  readonly composition?: Composition;
  readonly k?: string;
}

const log = (line: string): void => console.error(`interop: ${line}`);
const elapsedSince = (startedMs: number): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));

async function run(more: readonly string[], { composition, k }: Options): Promise<void> {
  const startedMs = performance.now();
  const python = await openPython({
    directory: fileURLToPath(new URL('../.venv-interop', import.meta.url)),
    requirements: join(storiesFolder, 'requirements.txt'),
    log,
  });
  const args = [...(k === undefined ? [] : ['-k', k]), ...more];
  const failed: Composition[] = [];
  for (const each of composition === undefined ? compositions : [composition])
    if (!(await passes(each, python, args))) failed.push(each);
  ending.signal.throwIfAborted();
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')} (${elapsedSince(startedMs)})`);
  log(`passed in ${elapsedSince(startedMs)}`);
}

async function passes(composition: Composition, python: string, args: readonly string[]): Promise<boolean> {
  const startedMs = performance.now();
  const { signal } = ending;
  log(`${composition}: starting`);
  await using gateways = await openGateways(composition, { signal, log });
  log(`${composition}: gateways on ${gateways.addresses.join(' and ')} after ${elapsedSince(startedMs)}`);
  const passed = await tellStories(gateways, { python, composition, args, signal });
  if (!passed) console.error(gateways.logged());
  log(`${composition}: ${passed ? 'passed' : 'failed'} after ${elapsedSince(startedMs)}`);
  return passed;
}

const cli = new Command('test:interop')
  .description('Tells stories with the published Python client to gateways of both compositions.')
  .addOption(new Option('--composition <name>', 'one of them only').choices(compositions))
  .option('-k <expression>', 'only stories whose names match, as pytest has it')
  .argument('[pytest...]', 'more arguments for pytest, after --')
  .addHelpText(
    'after',
    `
Needs Python 3.10 or newer with venv, and what "npm run services" needs; as root on Debian it installs them.

Examples:
  npm run test:interop
  npm run test:interop -- --composition stack -k resume
  npm run test:interop -- --composition embedded -- -x -v`,
  )
  .action(run);

try {
  await cli.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
