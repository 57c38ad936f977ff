/**
 * Which connection to use for a stream: publishers go to the broker that leads it, subscriptions to one that has a
 * replica, as a broker delivers only from its own disk. What is known of a stream is asked once and forgotten when
 * something that relied on it failed.
 */
import { refused, unavailable } from '../errors.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { responseCode } from './response-code.ts';
import type { StreamConnection } from './stream-connection.ts';
import { type Endpoint, metadata, type StreamPlacement } from './stream-requests.ts';

/** Connections to one broker, for each use, that may be open at once; each takes 200 publishers or subscriptions. */
const connectionsMax = 64;

/** A connection, and an id on it that is nobody else's. */
export interface Place {
  readonly connection: StreamConnection;
  readonly id: number;
}

/** Connections to one broker that partitions share, each by its number. */
export interface SharedConnections {
  readonly publishConnections: number;
  readonly readConnections: number;
}

export class StreamDirectory {
  readonly #pool: ConnectionPool;
  readonly #connections: SharedConnections;
  readonly #known = new Map<string, Promise<StreamPlacement>>();

  constructor(pool: ConnectionPool, connections: SharedConnections) {
    this.#pool = pool;
    this.#connections = connections;
  }

  /** The broker last spoken to, for its version and limits. */
  connection(): Promise<StreamConnection> {
    return this.#pool.get('read 0', undefined);
  }

  /** To publish to a stream, and a publisher id reserved for it. Shares are spread over the connections. */
  async publishing(stream: string, share: number): Promise<Place> {
    const leader = this.#pool.followsAdvertised ? await this.#leader(stream) : undefined;
    const { publishConnections } = this.#connections;
    return this.#reserve('publish', { share, connections: publishConnections, endpoint: leader });
  }

  /** To read a stream, and a subscription id reserved for it. Shares are spread over the connections. */
  async reading(stream: string, share: number): Promise<Place> {
    const replica = this.#pool.followsAdvertised ? await this.#replica(stream) : undefined;
    const { readConnections } = this.#connections;
    return this.#reserve('read', { share, connections: readConnections, endpoint: replica });
  }

  /** What was known of the stream has proved wrong. */
  forget(stream: string): void {
    this.#known.delete(stream);
  }

  /** On the first connection of the share that has an id left; each is as full as it gets before the next is opened. */
  async #reserve(
    use: 'publish' | 'read',
    { share, connections, endpoint }: { share: number; connections: number; endpoint: Endpoint | undefined },
  ): Promise<Place> {
    for (let number = share % connections; number < connectionsMax; number += connections) {
      const connection = await this.#pool.get(`${use} ${number}`, endpoint);
      const id = use === 'publish' ? connection.publishers.reserve() : connection.subscriptions.reserve();
      if (id !== undefined) return { connection, id };
    }
    throw unavailable(`${connectionsMax} connections to ${use} are full`);
  }

  async #leader(stream: string): Promise<Endpoint> {
    const { leader } = await this.#placement(stream);
    if (leader === undefined) throw unavailable(`stream ${stream} has no leader at present`);
    return leader;
  }

  /** The broker we are connected to anyway if it has one, else any. */
  async #replica(stream: string): Promise<Endpoint> {
    const { leader, replicas } = await this.#placement(stream);
    const all = leader === undefined ? replicas : [...replicas, leader];
    const ours = this.#pool.broker?.advertised;
    const found = all.find(({ host, port }) => host === ours?.host && port === ours.port) ?? all[0];
    if (found === undefined) throw unavailable(`stream ${stream} has no replica that is up`);
    return found;
  }

  #placement(stream: string): Promise<StreamPlacement> {
    const known = this.#known.get(stream);
    if (known !== undefined) return known;
    const asking = this.#ask(stream);
    this.#known.set(stream, asking);
    asking.catch(() => this.forget(stream));
    return asking;
  }

  async #ask(stream: string): Promise<StreamPlacement> {
    const connection = await this.connection();
    const placement = (await connection.request(metadata([stream]))).find((one) => one.stream === stream);
    if (placement === undefined) throw unavailable(`the broker said nothing of stream ${stream}`);
    if (placement.code !== responseCode.ok) throw refused(`stream ${stream}`, placement.code);
    return placement;
  }
}
