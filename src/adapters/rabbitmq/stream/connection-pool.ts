/**
 * The stream connections of one log, each opened when first needed and shared by all who ask for the same slot of the
 * same broker. A connection that ends leaves the pool; the next who asks gets a new one.
 *
 * Brokers of a cluster are found by the addresses they advertise. Behind a load balancer those may lead nowhere: then
 * the configured address is used instead, which is right for publishing anywhere (brokers pass on to the leader) and
 * for reading wherever the stream has a replica.
 */
import { unavailable } from '../errors.ts';
import { type BrokerAddress, textOfAddress } from './broker-address.ts';
import { FrameLimit } from './frame-limit.ts';
import type { BrokerFacts } from './handshake.ts';
import { type ConnectionDeps, type ConnectionSettings, StreamConnection } from './stream-connection.ts';
import type { Endpoint } from './stream-requests.ts';

export interface PoolSettings extends Omit<ConnectionSettings, 'address'> {
  /** Tried in turn. */
  readonly addresses: readonly [BrokerAddress, ...BrokerAddress[]];
  /** Whether to connect to brokers at the addresses they advertise. */
  readonly followsAdvertised: boolean;
}

/** How long the configured address is used in place of one that failed. */
const unreachableMs = 60_000;

export class ConnectionPool {
  readonly #settings: PoolSettings;
  readonly #deps: ConnectionDeps;
  readonly #frameLimit: FrameLimit;
  readonly #closing = new AbortController();
  readonly #connections = new Map<string, Promise<StreamConnection>>();
  /** Advertised addresses that failed, and until when they are not tried again. */
  readonly #unreachable = new Map<string, number>();
  #turn = 0;
  /** Who answered last at a configured address. */
  #broker: BrokerFacts | undefined;

  constructor(settings: PoolSettings, deps: ConnectionDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#frameLimit = new FrameLimit(deps.log);
  }

  get followsAdvertised(): boolean {
    return this.#settings.followsAdvertised;
  }

  /** Who answered last at a configured address. */
  get broker(): BrokerFacts | undefined {
    return this.#broker;
  }

  /** The connection of a slot on the broker that advertises `endpoint`, or on any. */
  get(slot: string, endpoint: Endpoint | undefined): Promise<StreamConnection> {
    const key = endpoint === undefined ? slot : `${slot} ${textOfAddress(endpoint)}`;
    const present = this.#connections.get(key);
    if (present !== undefined) return present;
    const opening = this.#open(slot, endpoint);
    const forget = (): void => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    };
    this.#connections.set(key, opening);
    opening.then((connection) => connection.ended.then(forget), forget);
    return opening;
  }

  async close(): Promise<void> {
    this.#closing.abort(unavailable('the message log was closed'));
    const closed = [...this.#connections.values()].map(async (opening) => (await opening).close());
    await Promise.allSettled(closed);
  }

  async #open(slot: string, endpoint: Endpoint | undefined): Promise<StreamConnection> {
    this.#closing.signal.throwIfAborted();
    const advertised = this.#broker?.advertised;
    if (endpoint === undefined || (advertised !== undefined && isSame(endpoint, advertised)))
      return this.#openConfigured(slot);
    if ((this.#unreachable.get(textOfAddress(endpoint)) ?? 0) > this.#deps.clock.monotonic())
      return this.#openConfigured(slot);
    try {
      return await this.#openAt({ ...this.#settings.addresses[0], ...endpoint }, slot);
    } catch (cause) {
      this.#sayUnreachable(endpoint, cause);
      return this.#openConfigured(slot);
    }
  }

  /** At the configured address whose turn it is; each that fails passes the turn on. */
  async #openConfigured(slot: string, tries: number = this.#settings.addresses.length): Promise<StreamConnection> {
    const { addresses } = this.#settings;
    try {
      const connection = await this.#openAt(addresses[this.#turn % addresses.length] ?? addresses[0], slot);
      this.#broker = connection.broker;
      return connection;
    } catch (thrown) {
      this.#turn += 1;
      if (tries <= 1) throw thrown;
      return this.#openConfigured(slot, tries - 1);
    }
  }

  async #openAt(address: BrokerAddress, slot: string): Promise<StreamConnection> {
    const clientName = `${this.#settings.clientName} ${slot}`;
    const settings = { ...this.#settings, address, clientName };
    const connection = await StreamConnection.open(settings, this.#deps, this.#closing.signal);
    this.#frameLimit.check(connection.broker);
    return connection;
  }

  #sayUnreachable(endpoint: Endpoint, cause: unknown): void {
    const broker = textOfAddress(endpoint);
    const isNews = !this.#unreachable.has(broker);
    this.#unreachable.set(broker, this.#deps.clock.monotonic() + unreachableMs);
    if (!isNews) return;
    this.#deps.log.warn('rabbitmq advertises an address that cannot be reached, using the configured one', {
      broker,
      mend: 'set stream.advertised_host and stream.advertised_port in rabbitmq.conf, or follow no advertised addresses',
      cause,
    });
  }
}

const isSame = (one: Endpoint, other: Endpoint): boolean => one.host === other.host && one.port === other.port;
