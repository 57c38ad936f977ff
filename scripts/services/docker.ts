/** The same services as containers of `compose.services.yaml`, where the servers are not installed and Docker runs. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clusterAddresses, postgresAddress, rabbitmqAddresses, redisAddress } from './addresses.ts';
import type { Ports } from './ports.ts';
import { linesOf, listQueues } from './rabbitmq.ts';
import type { Service, ServiceName, ServiceTypes, Waiting } from './service.ts';

const run = promisify(execFile);
const composeFile = fileURLToPath(new URL('../../compose.services.yaml', import.meta.url));

export async function dockerRuns(signal?: AbortSignal): Promise<boolean> {
  try {
    await run('docker', ['info'], { signal });
    await run('docker', ['compose', 'version'], { signal });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/** All services; a container is made by the first start. */
export function dockerServices(project: string, ports: Ports): ServiceTypes {
  const control = (name: ServiceName): Service => {
    const on = async ({ signal }: Waiting = {}, ...args: string[]): Promise<void> => {
      await compose(project, [...args, name], ports, signal);
    };
    return {
      processIds: () => [],
      start: (options) => on(options, 'up', '--detach', '--wait'),
      stop: (options) => on(options, 'stop'),
      kill: (options) => on(options, 'kill'),
      pause: (options) => on(options, 'pause'),
      resume: (options) => on(options, 'unpause'),
    };
  };
  const redis = control('redis');
  const wipe = async (options?: Waiting) => {
    // The data is in the volume that goes with the container.
    await compose(project, ['rm', '--stop', '--force', '--volumes', 'redis'], ports, options?.signal);
    await redis.start(options);
  };
  const queues = async (): Promise<string[]> =>
    linesOf(await compose(project, ['exec', '-T', 'rabbitmq', 'rabbitmqctl', ...listQueues], ports));
  return {
    redis: { ...redis, ...redisAddress(ports.redis), wipe },
    cluster: { ...control('cluster'), ...clusterAddresses(ports), nodes: [] },
    rabbitmq: { ...control('rabbitmq'), ...rabbitmqAddresses(ports), queues },
    postgres: { ...control('postgres'), ...postgresAddress(ports) },
  };
}

export async function endDockerServices(project: string): Promise<void> {
  await compose(project, ['down', '--volumes', '--timeout', '1']);
}

async function compose(project: string, args: readonly string[], ports?: Ports, signal?: AbortSignal): Promise<string> {
  const env = { ...process.env, ...(ports && portEnvironment(ports)) };
  const all = ['compose', '--project-name', project, '--file', composeFile, ...args];
  return (await run('docker', all, { env, signal })).stdout;
}

const portEnvironment = ({ redis, cluster, amqp, stream, postgres }: Ports): NodeJS.ProcessEnv => ({
  AETHER_SERVICES_REDIS_PORT: String(redis),
  AETHER_SERVICES_CLUSTER_PORT_1: String(cluster[0]),
  AETHER_SERVICES_CLUSTER_PORT_2: String(cluster[1]),
  AETHER_SERVICES_CLUSTER_PORT_3: String(cluster[2]),
  AETHER_SERVICES_AMQP_PORT: String(amqp),
  AETHER_SERVICES_STREAM_PORT: String(stream),
  AETHER_SERVICES_POSTGRES_PORT: String(postgres),
});
