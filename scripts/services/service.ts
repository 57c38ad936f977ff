/** What a caller has in hand for each of the services it opened. */

export interface Waiting {
  readonly signal?: AbortSignal | undefined;
}

/**
 * One service and the faults it can be put through. Ports and data stay the same from one start to the next. Each
 * method ends when what it does has taken effect: a started service answers, a stopped or killed one has no process.
 */
export interface Service {
  /** Ids of its running processes, the one that serves first. Empty under Docker. */
  processIds(): number[];
  /** Does nothing when it runs. */
  start(options?: Waiting): Promise<void>;
  /** Lets it save its data. */
  stop(options?: Waiting): Promise<void>;
  /** SIGKILL of what serves. */
  kill(options?: Waiting): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(options?: Waiting): Promise<void>;
  resume(options?: Waiting): Promise<void>;
}

export interface RedisNode extends Service {
  /** `host:port` */
  readonly address: string;
  readonly port: number;
}

export interface RedisService extends RedisNode {
  /** Stops it, deletes its data, starts it. */
  wipe(options?: Waiting): Promise<void>;
}

/** Faults go to all nodes at once. */
export interface RedisClusterService extends Service {
  readonly addresses: readonly string[];
  /** The three masters; empty under Docker, where they share one container. */
  readonly nodes: readonly RedisNode[];
}

/**
 * Started means that both ports accept. After a restart the streams there were answer "not available" for about half a
 * second more, until their coordinator has elected itself; clients have to try again, as after any broker's restart.
 */
export interface RabbitmqService extends Service {
  /** Names of all its queues and streams. */
  queues(): Promise<string[]>;
  readonly streamUrl: string;
  readonly streamPort: number;
  readonly amqpUrl: string;
  readonly amqpPort: number;
}

export interface PostgresService extends Service {
  readonly url: string;
  readonly port: number;
}

export interface ServiceTypes {
  readonly redis: RedisService;
  readonly cluster: RedisClusterService;
  readonly rabbitmq: RabbitmqService;
  readonly postgres: PostgresService;
}

export type ServiceName = keyof ServiceTypes;

export const serviceNames = ['redis', 'cluster', 'rabbitmq', 'postgres'] as const satisfies readonly ServiceName[];

/** The variables under which tests and trials look for what is running. */
export function environmentOf(services: Partial<ServiceTypes>): Record<string, string> {
  const { redis, cluster, rabbitmq, postgres } = services;
  return {
    ...(redis && { AETHER_TEST_REDIS: redis.address }),
    ...(cluster && { AETHER_TEST_REDIS_CLUSTER: cluster.addresses.join(',') }),
    ...(rabbitmq && { AETHER_TEST_RABBITMQ_STREAM: rabbitmq.streamUrl, AETHER_TEST_RABBITMQ_AMQP: rabbitmq.amqpUrl }),
    ...(postgres && { AETHER_TEST_POSTGRES: postgres.url }),
  };
}
