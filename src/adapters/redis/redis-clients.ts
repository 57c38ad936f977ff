/**
 * The driver's clients, set up so that no command is carried out much later than it was asked for.
 *
 * A lease command that is late does harm: an acquisition whose asker has long been refused makes a lease nobody knows,
 * and a renewal keeps alive what its holder has given up. So the driver never sends anything twice
 * (`maxRetriesPerRequest: 0`, `retryDelayOnFailover: 0`: what was on its way when a connection broke fails at once, for
 * it may have been executed) and never keeps anything for later (`enableOfflineQueue: false`; on a cluster, whose nodes
 * need a queue while they connect, `RedisConnection` waits instead). What is already in a socket cannot be called
 * back; scripts where it matters carry a deadline (`store-time.ts`).
 */
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { FabricError } from '../../model/error.ts';
import { within } from './within.ts';

export type RedisClient = Redis | Cluster;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ClientSettings {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: ConnectionOptions | undefined;
  /** Of every command, and of the connecting itself. */
  readonly commandTimeoutMs: number;
}

const retryFirstMs = 50;
const retryMaxMs = 1000;
const endTimeoutMs = 1000;

/** 50 ms, 100, 200, … 1 s, for ever; a little apart, so that many gateways do not come back in the same instant. */
const retryDelayMs = (attempt: number): number =>
  Math.min(retryFirstMs * 2 ** Math.min(attempt - 1, 10), retryMaxMs) * (0.8 + 0.2 * Math.random());

const common = ({ username, password, tls, commandTimeoutMs }: ClientSettings) =>
  ({
    username,
    password,
    ...(tls && { tls }),
    lazyConnect: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout: commandTimeoutMs,
    // Commands are waiting and nothing at all comes back: the connection is taken for dead.
    socketTimeout: commandTimeoutMs,
    disconnectTimeout: 200,
    keepAlive: 10_000,
    maxLoadingRetryTime: 500,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  }) as const satisfies RedisOptions;

export const createSingleClient = (address: Address, settings: ClientSettings): Redis =>
  deafened(new Redis({ ...common(settings), ...address, retryStrategy: retryDelayMs, enableOfflineQueue: false }));

export const createClusterClient = (addresses: readonly Address[], settings: ClientSettings): Cluster => {
  const cluster = new Cluster([...addresses], {
    redisOptions: common(settings),
    lazyConnect: true,
    clusterRetryStrategy: retryDelayMs,
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: settings.commandTimeoutMs,
    // A certificate is for a name: the driver would look the address up first and connect to that.
    ...(settings.tls && { dnsLookup: (host, found) => found(null, host) }),
  });
  return deafened(cluster);
};

/** A client for subscriptions; each time it has to connect again it asks `next` where. */
export const createSubscriberClient = (next: () => Address, settings: ClientSettings): Redis => {
  const client: Redis = new Redis({
    ...common(settings),
    ...next(),
    enableOfflineQueue: false,
    autoResubscribe: false,
    retryStrategy: (attempt) => {
      Object.assign(client.options, next());
      return retryDelayMs(attempt);
    },
  });
  return deafened(client);
};

/** The driver prints an error nobody listens to on the console; ours are told of by `outages.ts`. */
const deafened = <Client extends RedisClient>(client: Client): Client => {
  client.on('error', () => undefined);
  return client;
};

/** `host:port`, with IPv6 in brackets. */
export const parseAddress = (text: string): Address => {
  const url = URL.parse(`redis://${text}`);
  const isAddress = url !== null && url.hostname !== '' && url.port !== '' && url.host === text;
  if (!isAddress) throw new FabricError('CONFIG_INVALID', `"${text}" is not host:port of a Redis server`);
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port) };
};

/** Lets what was asked be answered, and leaves no connection behind. */
export const closeClient = async (client: RedisClient): Promise<void> => {
  const wasReady = client.status === 'ready';
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  client.once('end', () => resolve());
  // Unanswered where Redis stands still; and where there is no connection, neither a reply nor an end comes.
  if (wasReady) await client.quit().catch(() => undefined);
  client.disconnect();
  if (wasReady) await within(endTimeoutMs, ended).catch(() => undefined);
};
