/** What lines are measured in: servers in processes of their own, services they need, and how long and how often. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServices, type Services } from '../../scripts/services/services.ts';
import { bareDeliveryTag } from '../programs/bare-server.ts';
import type { ServerAddress } from '../wire/agent.ts';
import { Child } from './child.ts';
import { type GatewayOptions, GatewayProcess, type Origin, repository } from './gateway-process.ts';

export type Composition = 'embedded' | 'stack';

export interface SettingOptions {
  readonly compositions: readonly Composition[];
  readonly seconds: number;
  readonly rounds: number;
  /** Of the lines that hold many. */
  readonly connections: number;
  /** The most topics messages are spread over. */
  readonly topics: number;
  /** How many messages an absence is long. */
  readonly behind: number;
  /** Where profiles of the gateways go. */
  readonly profile: string | undefined;
  readonly progress: (text: string) => void;
}

/** One of those that are measured in turns. */
export interface Contender {
  readonly name: Composition | 'bare';
  readonly server: ServerAddress;
  readonly pid: number;
  readonly startMs: number;
  /** What it wrote to standard error. */
  readonly errors: () => string;
}

export interface ServersOptions {
  /** For Node itself. */
  readonly execArgv?: readonly string[];
  readonly origin?: Origin;
}

/** What gateways of a fabric stand on, that outlives them. */
export interface Place {
  /** One gateway alone. */
  open(): Promise<Servers>;
}

/** A delivery: field 1 of a downstream message. */
const gatewayDeliveryTag = 0x0a;

export class Setting implements AsyncDisposable {
  readonly options: SettingOptions;
  readonly #opened = new AsyncDisposableStack();
  #services: Promise<Services<ServiceName>> | undefined;
  readonly #logs: (() => string)[] = [];
  #serial = 0;

  constructor(options: SettingOptions) {
    this.options = options;
  }

  /** A name nothing else in this run has. */
  unique(label: string): string {
    return `${label}${(this.#serial += 1)}`;
  }

  /** Is empty, and gone with the setting. */
  async directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'aether-bench-'));
    this.#opened.defer(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** Started when they are first needed. */
  services(): Promise<Services<ServiceName>> {
    this.#services ??= this.#openServices();
    return this.#services;
  }

  /** The bare server and a fresh gateway of each composition. */
  async servers(options: ServersOptions = {}): Promise<Servers> {
    await using opened = new AsyncDisposableStack();
    const contenders = [await openBare(opened, options)];
    for (const composition of this.options.compositions)
      contenders.push(
        await this.#openGateway(opened, composition, { ...(await this.#start(composition)), ...options }),
      );
    return new Servers(contenders, opened.move());
  }

  /** For one gateway after the other on the same data. */
  async place(composition: Composition, flags: Readonly<Record<string, string>> = {}): Promise<Place> {
    const start = await this.#start(composition);
    return {
      open: async () => {
        await using opened = new AsyncDisposableStack();
        const all = { ...start, flags: { ...start.flags, ...flags } };
        return new Servers([await this.#openGateway(opened, composition, all)], opened.move());
      },
    };
  }

  /** An embedded gateway alone. */
  async embedded(origin: Origin): Promise<Servers> {
    await using opened = new AsyncDisposableStack();
    const contender = await this.#openGateway(opened, 'embedded', { ...(await this.#start('embedded')), origin });
    return new Servers([contender], opened.move());
  }

  async bare(): Promise<Servers> {
    await using opened = new AsyncDisposableStack();
    const contender = await openBare(opened, {});
    return new Servers([contender], opened.move());
  }

  /** What the gateways have had to say since this was last asked. */
  takeLogs(): string {
    return this.#logs
      .splice(0)
      .map((log) => log())
      .join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }

  async #openServices(): Promise<Services<ServiceName>> {
    const directory = join(repository, '.services', `bench-${process.pid}`);
    const services = await openServices({ directory, only: serviceNames, log: this.options.progress });
    this.#opened.defer(async () => {
      await services[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });
    return services;
  }

  /** On data, or under names, of its own. */
  async #start(composition: Composition): Promise<GatewayOptions> {
    return composition === 'embedded'
      ? { command: 'up', flags: { 'data-dir': await this.directory() }, env: {} }
      : { command: 'gateway', flags: {}, env: await this.#stackEnvironment() };
  }

  async #openGateway(
    opened: AsyncDisposableStack,
    composition: Composition,
    options: GatewayOptions,
  ): Promise<Contender> {
    const gateway = opened.use(await GatewayProcess.start(options));
    const { address, pid, startMs } = gateway;
    this.#logs.push(() => gateway.errors);
    return {
      name: composition,
      server: { address, deliveryTag: gatewayDeliveryTag },
      pid,
      startMs,
      errors: () => gateway.errors,
    };
  }

  /** With names of its own, so that nothing of an earlier gateway is in the way. */
  async #stackEnvironment(): Promise<Readonly<Record<string, string>>> {
    const { redis, rabbitmq, postgres } = await this.services();
    const { hostname, port, username } = new URL(postgres.url);
    const prefix = this.unique('bench');
    return {
      REDIS_ADDR: redis.address,
      REDIS_PREFIX: `${prefix}:`,
      STREAM_URL: rabbitmq.streamUrl,
      AMQP_URL: rabbitmq.amqpUrl,
      RABBITMQ_PREFIX: prefix,
      POSTGRES_HOST: hostname,
      POSTGRES_PORT: port,
      POSTGRES_USER: username,
      POSTGRES_DB: 'postgres',
    };
  }
}

const serviceNames = ['redis', 'rabbitmq', 'postgres'] as const;
type ServiceName = (typeof serviceNames)[number];

const openBare = async (opened: AsyncDisposableStack, { execArgv }: ServersOptions): Promise<Contender> => {
  const startedMs = performance.now();
  const child = opened.use(Child.spawn('bare-server', execArgv));
  const { address } = await child.call('listen', {});
  const startMs = performance.now() - startedMs;
  const server = { address, deliveryTag: bareDeliveryTag };
  return { name: 'bare', server, pid: child.pid, startMs, errors: () => child.errors };
};

export class Servers implements AsyncDisposable {
  readonly contenders: readonly Contender[];
  readonly #opened: AsyncDisposableStack;

  constructor(contenders: readonly Contender[], opened: AsyncDisposableStack) {
    this.contenders = contenders;
    this.#opened = opened;
  }

  /** Where one was opened. */
  get only(): Contender {
    const [contender] = this.contenders;
    if (contender === undefined) throw new Error('nothing was started');
    return contender;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened[Symbol.asyncDispose]();
  }
}
