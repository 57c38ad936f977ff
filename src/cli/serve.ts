import { openLog } from '../adapters/pino/pino-log.ts';
import { giveBackSpareMemory } from '../adapters/system/spare-memory.ts';
import { type FabricServer, openServer } from '../compose/server.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../ports/log.ts';
import { tuneMemory } from './memory.ts';
import { version } from './version.ts';

/** Serves until it is told to stop; answers with the exit code. */
export const serve = async (
  defaultMode: Config['mode'],
  flags: Readonly<Record<string, string | boolean>>,
): Promise<number> => {
  tuneMemory();
  const file = typeof flags['config'] === 'string' ? flags['config'] : process.env['AETHER_CONFIG'];
  const named = Object.fromEntries(Object.entries(flags).map(([name, value]) => [toDashes(name), value]));
  const config = loadConfig({ env: process.env, flags: named, defaultMode, ...(file === undefined ? {} : { file }) });
  const log = openLog({ level: config.log_level, format: formatOf(config) });
  const server = await openServer(config, { version, log });
  // It listens for signals before anyone can know that it is up, and stop it.
  const stopped = untilStopped(server, log);
  announce(server, config, flags['json'] === true);
  giveBackSpareMemory(() => server.connections() === 0);
  return stopped;
};

/** Commander names options in camel case. */
const toDashes = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const formatOf = ({ log_format: format }: Config): 'json' | 'text' => {
  if (format !== 'auto') return format;
  return process.stderr.isTTY ? 'text' : 'json';
};

/** How this program was come by: from a checkout, or installed. */
const command = import.meta.filename.endsWith('.ts') ? 'npm run aether --' : 'npx aether';

const announce = (server: FabricServer, config: Config, asJson: boolean): void => {
  const grpc = `${config.gateway.host}:${server.grpcPort}`;
  const ops = `http://${config.ops.host}:${server.opsPort}`;
  if (asJson) {
    console.log(
      JSON.stringify({
        event: 'up',
        version,
        mode: config.mode,
        gateway: server.gatewayId,
        grpc,
        ops,
        pid: process.pid,
      }),
    );
    return;
  }
  console.log(
    [
      `Aether Fabric ${version} is up (${config.mode}: ${server.summary}).`,
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
const untilStopped = async (server: FabricServer, log: Log): Promise<number> => {
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
