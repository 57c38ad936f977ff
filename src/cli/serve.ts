import { extname } from 'node:path';
import { giveBackSpareMemory } from '../adapters/system/spare-memory.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../ports/log.ts';
import { tuneMemory } from './memory.ts';
import { openProcessLog } from './process-log.ts';
import { version } from './version.ts';

/** Serves until it is told to stop; answers with the exit code. */
export const serve = async (
  defaultMode: Config['mode'],
  flags: Readonly<Record<string, string | boolean>>,
): Promise<number> => {
  const file = typeof flags['config'] === 'string' ? flags['config'] : process.env['AETHER_CONFIG'];
  const named = Object.fromEntries(Object.entries(flags).map(([name, value]) => [toDashes(name), value]));
  const config = loadConfig({ env: process.env, flags: named, defaultMode, ...(file === undefined ? {} : { file }) });
  const log = openProcessLog(config);
  const served = await (config.gateway.workers > 1 ? serveByWorkers(config, log) : serveHere(config, log));
  // It listens for signals before anyone can know that it is up, and stop it.
  const stopped = untilStopped(served, log);
  announce(served, config, flags['json'] === true);
  return stopped;
};

/** What there is to say of it, and to end. */
interface Served {
  readonly server: AsyncDisposable & { readonly grpcPort: number; readonly opsPort: number };
  /** What it runs on. */
  readonly summary: string;
  /** Beside where it serves, for scripts. */
  readonly facts: () => object;
}

const serveHere = async (config: Config, log: Log): Promise<Served> => {
  tuneMemory();
  const { openServer } = await import('../compose/server.ts');
  const server = await openServer(config, { version, log });
  giveBackSpareMemory(() => server.connections() === 0);
  const { gatewayId, summary } = server;
  return { server, summary, facts: () => ({ gateway: gatewayId }) };
};

/** With the extension of this file: TypeScript in development, JavaScript once built. */
const workerProgram = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

const serveByWorkers = async (config: Config, log: Log): Promise<Served> => {
  const { openSupervisedServer } = await import('../compose/supervised-server.ts');
  const server = await openSupervisedServer(config, { log, program: workerProgram });
  process.once('exit', () => server.kill());
  const summary = `${config.gateway.workers} workers`;
  return { server, summary, facts: () => ({ workers: server.workers() }) };
};

/** Commander names options in camel case. */
const toDashes = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** How this program was come by: from a checkout, or installed. */
const command = import.meta.filename.endsWith('.ts') ? 'npm run aether --' : 'npx aether';

const announce = ({ server, summary, facts }: Served, config: Config, asJson: boolean): void => {
  const grpc = `${config.gateway.host}:${server.grpcPort}`;
  const ops = `http://${config.ops.host}:${server.opsPort}`;
  if (asJson) {
    const { mode } = config;
    console.log(JSON.stringify({ event: 'up', version, mode, grpc, ops, pid: process.pid, ...facts() }));
    return;
  }
  console.log(
    [
      `Aether Fabric ${version} is up (${config.mode}: ${summary}).`,
      `  clients   ${grpc}${config.gateway.tls.enabled ? ' (TLS)' : ''}`,
      `  health    ${ops}/health/ready`,
      `  metrics   ${ops}/metrics`,
      `Try      ${command} send ag::demo::echo::1 hello`,
      `and      ${command} tail ag::demo::echo::1`,
      'Ctrl-C stops it.',
    ].join('\n'),
  );
};

/** The first signal drains, a second one does not wait: from the first on there is always somebody who hears it. */
const untilStopped = async ({ server }: Served, log: Log): Promise<number> => {
  const first = Promise.withResolvers<NodeJS.Signals>();
  let isStopping = false;
  const hear = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    first.resolve(signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, hear);
  log.info('stopping', { signal: await first.promise });
  await server[Symbol.asyncDispose]();
  log.info('stopped');
  return 0;
};
