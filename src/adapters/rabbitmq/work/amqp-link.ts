/**
 * One AMQP connection, opened when first needed and again after it was lost. amqplib tells of trouble by `error` events,
 * which end the process where nobody listens, and throws when something is sent after a close; both stop here and at the
 * functions below.
 */
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { Clock } from '../../../ports/clock.ts';
import type { Log } from '../../../ports/log.ts';
import { failed, unavailable } from '../errors.ts';
import type { TlsSettings } from '../stream/socket.ts';
import type { AmqpAddress } from './amqp-address.ts';

export interface LinkSettings {
  /** Brokers of one cluster, tried in turn. */
  readonly addresses: readonly [AmqpAddress, ...AmqpAddress[]];
  readonly tls: TlsSettings;
  /** Shown in the broker's list of connections. */
  readonly clientName: string;
  readonly heartbeatMs: number;
  readonly connectTimeoutMs: number;
}

export interface LinkDeps {
  readonly clock: Clock;
  readonly log: Log;
}

const closeTimeoutMs = 1000;

export class AmqpLink {
  readonly #settings: LinkSettings;
  readonly #deps: LinkDeps;
  #connection: Promise<ChannelModel> | undefined;
  #turn = 0;
  #isClosed = false;

  constructor(settings: LinkSettings, deps: LinkDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** The connection there is, or a new one. */
  connection(): Promise<ChannelModel> {
    if (this.#isClosed) return Promise.reject(unavailable('the work queue is closed'));
    if (this.#connection !== undefined) return this.#connection;
    const opening = this.#open();
    const forget = (): void => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    this.#connection = opening;
    opening.then((connection) => connection.on('close', forget), forget);
    return opening;
  }

  async channel(): Promise<Channel> {
    return listened(await (await this.connection()).createChannel());
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return listened(await (await this.connection()).createConfirmChannel());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const connection = await this.#connection?.catch(() => undefined);
    if (connection === undefined) return;
    // A broker that does not answer is left to the heartbeat.
    const deadline = { ms: closeTimeoutMs, clock: this.#deps.clock, what: 'closing a connection' };
    await within(deadline, connection.close()).catch(() => undefined);
  }

  async #open(): Promise<ChannelModel> {
    const { addresses, connectTimeoutMs } = this.#settings;
    const address = addresses[this.#turn % addresses.length] ?? addresses[0];
    const broker = `RabbitMQ at ${address.hostname}:${address.port}`;
    const connecting = this.#connect(address);
    try {
      const deadline = { ms: connectTimeoutMs, clock: this.#deps.clock, what: `connecting to ${broker}` };
      const connection = await within(deadline, connecting);
      this.#watch(connection, broker);
      return connection;
    } catch (cause) {
      this.#turn += 1;
      // One that comes after its deadline is of no use to anybody.
      connecting.then((late) => late.close()).catch(() => undefined);
      throw failed(isRefusal(cause) ? refusalOf(broker, address) : `${broker} cannot be reached over AMQP`, cause);
    }
  }

  async #connect(address: AmqpAddress): Promise<ChannelModel> {
    const { clientName, connectTimeoutMs: timeout, heartbeatMs, tls } = this.#settings;
    const heartbeat = Math.max(1, Math.ceil(heartbeatMs / 1000));
    return connect(
      { ...address, vhost: encodeURIComponent(address.vhost), heartbeat },
      { ...tls, noDelay: true, keepAlive: true, timeout, clientProperties: { connection_name: clientName } },
    );
  }

  #watch(connection: ChannelModel, broker: string): void {
    const { clientName } = this.#settings;
    const say = (cause: unknown): void =>
      this.#deps.log.warn('rabbitmq connection broke', { broker, clientName, cause });
    connection.on('error', say);
    connection.on('handler-error', say);
  }
}

/** amqplib tells a login that was refused, or a virtual host that is not open to it, by its words alone. */
const isRefusal = (cause: unknown): boolean =>
  cause instanceof Error && /\(ACCESS-REFUSED\)|got <ConnectionClose/.test(cause.message);

const refusalOf = (broker: string, { username, vhost }: AmqpAddress): string =>
  `${broker} does not let user "${username}" into virtual host "${vhost}" over AMQP`;

/** A closed channel is noticed by its `close` event and by what fails on it; its errors need no other listener. */
const listened = <Some extends Channel>(channel: Some): Some => {
  channel.on('error', () => undefined);
  channel.on('handler-error', () => undefined);
  return channel;
};

export interface Deadline {
  readonly ms: number;
  readonly clock: Clock;
  /** What is waited for. */
  readonly what: string;
}

/** What `promise` gives, or `STORE_UNAVAILABLE` once the time has passed. */
export const within = async <Value>({ ms, clock, what }: Deadline, promise: Promise<Value>): Promise<Value> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.schedule(ms, () => reject(unavailable(`${what}: RabbitMQ did not answer in ${ms} ms`)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.cancel();
    promise.catch(() => undefined);
  }
};

/** The reply code of a channel that the broker has closed, such as 404. */
export const replyCodeOf = (thrown: unknown): number | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : undefined;

/** Closes a channel; one that is closed already throws. */
export const closeChannel = async (channel: Channel, clock: Clock): Promise<void> => {
  const deadline = { ms: closeTimeoutMs, clock, what: 'closing a channel' };
  await within(deadline, (async () => channel.close())()).catch(() => undefined);
};
