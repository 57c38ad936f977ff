import type { ConnectionOptions } from 'node:tls';
import { Cluster, type Redis } from 'ioredis';
import { FabricError } from '../../model/error.ts';
import type { Log } from '../../ports/log.ts';
import { asStoreError, isCredentialRefusal } from './errors.ts';
import { tellOutages } from './outages.ts';
import {
  type Address,
  type ClientSettings,
  createClusterClient,
  createSingleClient,
  createSubscriberClient,
  parseAddress,
  type RedisClient,
} from './redis-clients.ts';
import { RedisConnection } from './redis-connection.ts';
import { RedisSubscriber } from './redis-subscriber.ts';

export interface OpenRedisOptions {
  /** `host:port` of the server, or of nodes of the cluster. */
  readonly addresses: readonly string[];
  /** `auto` asks the server. Several addresses are a cluster in any case. */
  readonly cluster: boolean | 'auto';
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** `{}` for TLS by the system's certificate authorities. */
  readonly tls?: ConnectionOptions | undefined;
  readonly log: Log;
  /** Ends the opening. */
  readonly signal?: AbortSignal | undefined;
  /** What is not answered by then has failed; also of each attempt to connect. */
  readonly commandTimeoutMs?: number | undefined;
  /** How long the opening tries to reach Redis before it fails with `STORE_UNAVAILABLE`. */
  readonly openTimeoutMs?: number | undefined;
}

const commandTimeoutDefaultMs = 2000;
const openTimeoutDefaultMs = 10_000;

/** Connected when it resolves; from then on it connects again, for ever, whenever the connection is lost. */
export const openRedis = async (options: OpenRedisOptions): Promise<RedisConnection> => {
  const { commandTimeoutMs = commandTimeoutDefaultMs, openTimeoutMs = openTimeoutDefaultMs, log } = options;
  const { username, password, tls } = options;
  const settings: ClientSettings = { username, password, tls, commandTimeoutMs };
  const limit = AbortSignal.timeout(openTimeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const addresses = options.addresses.map(parseAddress);
  const closing = new AbortController();

  const client = await openClient(options.cluster, addresses, { settings, signal });
  tellOutages(client, log, closing.signal);
  const listening = await reach(createSubscriberClient(rotation(client, addresses), settings), signal).catch(
    (thrown: unknown) => {
      client.disconnect();
      throw thrown;
    },
  );
  tellOutages(listening, log.child({ connection: 'subscriber' }), closing.signal);
  const subscriber = new RedisSubscriber(listening, { timeoutMs: commandTimeoutMs, log });
  return new RedisConnection({ client, subscriber, commandTimeoutMs, closing });
};

const openClient = async (
  cluster: OpenRedisOptions['cluster'],
  addresses: readonly Address[],
  { settings, signal }: { readonly settings: ClientSettings; readonly signal: AbortSignal },
): Promise<RedisClient> => {
  const [first, ...others] = addresses;
  if (first === undefined) throw new FabricError('CONFIG_INVALID', 'no address of Redis is given');
  if (cluster === true || others.length > 0) return reach(createClusterClient(addresses, settings), signal);
  const single = await reach(createSingleClient(first, settings), signal);
  if (cluster === false) return single;
  try {
    if (!(await isClusterNode(single))) return single;
  } catch (thrown) {
    single.disconnect();
    throw asStoreError(thrown);
  }
  single.disconnect();
  return reach(createClusterClient(addresses, settings), signal);
};

/** What `cluster: 'auto'` asks the server. */
const isClusterNode = async (client: Redis): Promise<boolean> =>
  (await client.info('cluster')).includes('cluster_enabled:1');

/** Resolves when the client is connected; credentials that Redis refuses will not get better by waiting. */
const reach = async <Client extends RedisClient>(client: Client, signal: AbortSignal): Promise<Client> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let firstError: unknown;
  const hear = (error: unknown): void => {
    firstError ??= error;
    if (isCredentialRefusal(error))
      reject(new FabricError('CONFIG_INVALID', 'Redis refuses the credentials', { cause: asStoreError(error) }));
  };
  const giveUp = (): void =>
    reject(new FabricError('STORE_UNAVAILABLE', 'Redis cannot be reached', { cause: firstError ?? signal.reason }));
  client.once('ready', () => resolve());
  client.on('error', hear);
  if (client instanceof Cluster) client.on('node error', hear);
  signal.addEventListener('abort', giveUp, { once: true });
  // Its failure is only the first attempt's.
  client.connect().catch(hear);
  try {
    if (signal.aborted) giveUp();
    await promise;
    return client;
  } catch (thrown) {
    client.disconnect();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', giveUp);
    client.off('error', hear).off('node error', hear);
  }
};

/** Where the subscriber connects next: a cluster's nodes in turn, as far as they are known. */
const rotation = (client: RedisClient, configured: readonly Address[]): (() => Address) => {
  let turn = Math.floor(Math.random() * configured.length);
  return () => {
    const nodes = client instanceof Cluster ? client.nodes().flatMap(addressOf) : [];
    const choices = nodes.length > 0 ? nodes : configured;
    turn += 1;
    const chosen = choices[turn % choices.length];
    if (chosen === undefined) throw new FabricError('CONFIG_INVALID', 'no address of Redis is given');
    return chosen;
  };
};

const addressOf = ({ options: { host, port } }: Redis): readonly Address[] =>
  host === undefined || port === undefined ? [] : [{ host, port }];
