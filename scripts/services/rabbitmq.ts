/**
 * RabbitMQ with the stream plugin. Nothing of it meets the system's own: it has its name, cookie, folders and plugin
 * list, and an epmd of its own that we start before it, or the server would start one that nobody knows the id of.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rabbitmqAddresses } from './addresses.ts';
import { LocalService } from './local-service.ts';
import type { LocalSetting } from './local-setting.ts';
import type { Ports } from './ports.ts';
import type { Program } from './process.ts';
import { childEnvironment } from './programs.ts';
import type { RabbitmqService } from './service.ts';

const run = promisify(execFile);

export function rabbitmq({ ports, programs, state }: LocalSetting): RabbitmqService {
  const nodeName = `aether-${createHash('sha256').update(state.directory).digest('hex').slice(0, 8)}@localhost`;
  const prepare = (folder: string): Program[] => {
    writeFiles(folder, ports);
    const shared = sharedProgram(folder, { ...serverEnvironment(folder, ports), RABBITMQ_NODENAME: nodeName });
    const epmdArgs = ['-port', String(ports.epmd), '-address', '127.0.0.1'];
    return [
      { ...shared, role: 'epmd', command: programs.pathOf('epmd'), args: epmdArgs, endSignal: 'SIGTERM' },
      { ...shared, role: 'rabbitmq-server', command: programs.pathOf('rabbitmq-server'), args: [] },
    ];
  };
  const isReady = async () => (await accepts(ports.stream)) && (await accepts(ports.amqp));
  const service = new LocalService({ name: 'rabbitmq', prepare, isReady }, state);
  const queues = async (): Promise<string[]> => {
    const env = { ...serverEnvironment(service.folder, ports), detached: undefined };
    const args = ['--node', nodeName, ...listQueues];
    return linesOf((await run(programs.pathOf('rabbitmqctl'), args, { env })).stdout);
  };
  return Object.assign(service, rabbitmqAddresses(ports), { queues });
}

/** Arguments of rabbitmqctl. */
export const listQueues = ['--quiet', 'list_queues', '--no-table-headers', 'name'] as const;

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

const sharedProgram = (folder: string, environment: NodeJS.ProcessEnv) =>
  ({ environment, folder, log: join(folder, 'log'), stopSignal: 'SIGTERM', endSignal: 'SIGKILL' }) as const;

function writeFiles(folder: string, ports: Ports): void {
  mkdirSync(join(folder, 'home'), { recursive: true });
  mkdirSync(join(folder, 'conf.d'), { recursive: true });
  writeFileSync(join(folder, 'rabbitmq.conf'), configuration(ports));
  writeFileSync(join(folder, 'advanced.config'), '[].\n');
  writeFileSync(join(folder, 'enabled_plugins'), '[rabbitmq_stream].\n');
  writeFileSync(join(folder, 'env.conf'), '');
}

/** A frame_max of 0 tells stream clients that frames may have any size; the default is 1 MiB. */
const configuration = ({ amqp, stream }: Ports): string => `\
listeners.tcp.1 = 127.0.0.1:${amqp}
stream.listeners.tcp.1 = 127.0.0.1:${stream}
stream.advertised_host = 127.0.0.1
stream.advertised_port = ${stream}
stream.frame_max = 0
loopback_users = none
log.file = false
log.console = true
log.console.level = info
disk_free_limit.absolute = 500MB
vm_memory_high_watermark.absolute = 4GB
`;

/** Names every file that has a default under /etc or /var, or the server would read the system's. */
const serverEnvironment = (folder: string, ports: Ports): NodeJS.ProcessEnv => ({
  ...childEnvironment(),
  HOME: join(folder, 'home'),
  ERL_EPMD_ADDRESS: '127.0.0.1',
  ERL_EPMD_PORT: String(ports.epmd),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
  RABBITMQ_CONF_ENV_FILE: join(folder, 'env.conf'),
  RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
  RABBITMQ_CONFIG_FILES: join(folder, 'conf.d'),
  RABBITMQ_DIST_PORT: String(ports.erlang),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
  RABBITMQ_LOG_BASE: join(folder, 'logs'),
  RABBITMQ_MNESIA_BASE: join(folder, 'data'),
  RABBITMQ_PID_FILE: join(folder, 'pid'),
  // The Erlang distribution listens on all addresses unless told.
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}',
  // Makes the start script turn into the server instead of waiting for it, so that the id we get is the server's.
  detached: 'yes',
});

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
