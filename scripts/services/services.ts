/**
 * The door: private Redis, Redis cluster, RabbitMQ and Postgres on free ports of 127.0.0.1, for tests and trials.
 *
 * All that is started ends when the services are disposed, when their opening fails or is aborted, and at the exit of
 * this process. What no exit can see (SIGKILL, a reboot) the next opening of the directory clears away.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { dockerRuns, dockerServices } from './docker.ts';
import { openInstance } from './instance.ts';
import { canInstall, installPackages } from './packages.ts';
import type { Ports } from './ports.ts';
import { postgres } from './postgres.ts';
import { debianPackages, findPrograms, howToInstall, type Programs } from './programs.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redis } from './redis.ts';
import { redisCluster } from './redis-cluster.ts';
import { environmentOf, type Service, type ServiceName, type ServiceTypes, serviceNames } from './service.ts';
import type { StateFile } from './state.ts';

export interface ServicesOptions {
  /** Made if it is not there. It must be empty or of an earlier opening, whose data go. */
  readonly directory: string;
  /** Ends the opening and all that it has started. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of each service as it gets ready. */
  readonly log?: ((line: string) => void) | undefined;
  /** Leaves data and logs in the directory when all has ended. Logs are left after a failure in any case. */
  readonly keep?: boolean | undefined;
}

export interface OpenServices extends AsyncDisposable {
  readonly directory: string;
  /** Where they are found, under the names that tests look for: AETHER_TEST_REDIS and so on. */
  readonly environment: Readonly<Record<string, string>>;
  /** Time from start to ready of each. */
  readonly readyMs: Readonly<Record<string, number>>;
  /** Lets them outlive this process; from then on `npm run services -- down` ends them. */
  detach(): void;
}

export type Services<Name extends ServiceName = ServiceName> = Pick<ServiceTypes, Name> & OpenServices;

/** All four. */
export function openServices(options: ServicesOptions & { only?: undefined }): Promise<Services>;
/** Those named. */
export function openServices<Name extends ServiceName>(
  options: ServicesOptions & { only: readonly Name[] },
): Promise<Services<Name>>;
export async function openServices(
  options: ServicesOptions & { only?: readonly ServiceName[] | undefined },
): Promise<Partial<ServiceTypes> & OpenServices> {
  const { only = serviceNames, keep = false, signal } = options;
  const instance = await openInstance(resolve(options.directory), signal);
  const { state, ports } = instance;
  try {
    const services = pick(await makeServices(only, ports, state, options), only);
    await startAll(services, state, options);
    signal?.throwIfAborted();
    state.set({ environment: environmentOf(services) });
    return {
      ...services,
      directory: state.directory,
      environment: state.state.environment,
      readyMs: state.state.readyMs,
      detach: () => instance.detach(),
      [Symbol.asyncDispose]: () => instance.close({ keep }),
    };
  } catch (error) {
    await instance.close({ keep: keep || signal?.aborted !== true });
    throw error;
  }
}

type Progress = Pick<ServicesOptions, 'signal' | 'log'>;

async function makeServices(
  only: readonly ServiceName[],
  ports: Ports,
  state: StateFile,
  progress: Progress,
): Promise<ServiceTypes> {
  const programs = await ensurePrograms(only, progress);
  if (programs !== 'docker') {
    const setting = { ports, programs, state };
    return {
      redis: redis(setting),
      cluster: redisCluster(setting),
      rabbitmq: rabbitmq(setting),
      postgres: postgres(setting),
    };
  }
  const project = `aether-services-${randomBytes(4).toString('hex')}`;
  progress.log?.(`using Docker, project ${project}`);
  state.set({ project });
  return dockerServices(project, ports);
}

async function ensurePrograms(only: readonly ServiceName[], { signal, log }: Progress): Promise<Programs | 'docker'> {
  const programs = findPrograms(only);
  if (programs.missing.length === 0) return programs;
  if (canInstall()) {
    await installPackages(debianPackages(programs.missing), (line) => log?.(line));
    return findPrograms(only);
  }
  if (await dockerRuns(signal)) return 'docker';
  throw new Error(howToInstall(programs.missing));
}

const pick = (all: ServiceTypes, only: readonly ServiceName[]): Partial<ServiceTypes> => ({
  ...(only.includes('redis') && { redis: all.redis }),
  ...(only.includes('cluster') && { cluster: all.cluster }),
  ...(only.includes('rabbitmq') && { rabbitmq: all.rabbitmq }),
  ...(only.includes('postgres') && { postgres: all.postgres }),
});

/** The first that fails ends the waiting for the others. */
async function startAll(services: Partial<ServiceTypes>, state: StateFile, { signal, log }: Progress): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const start = async ([name, service]: [string, Service]) => {
    const begunAt = performance.now();
    await service.start({ signal: either });
    const ms = Math.round(performance.now() - begunAt);
    state.set({ readyMs: { ...state.state.readyMs, [name]: ms } });
    log?.(`${name} ready in ${(ms / 1000).toFixed(2)} s`);
  };
  const starts = Object.entries(services).map(start);
  try {
    await Promise.all(starts);
  } finally {
    failed.abort();
    await Promise.allSettled(starts);
  }
}
