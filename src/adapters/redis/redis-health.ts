import { Cluster } from 'ioredis';
import { FabricError } from '../../model/error.ts';
import type { RedisConnection } from './redis-connection.ts';

const majorMin = 7;

export interface RedisHealth {
  readonly version: string;
  /** One round trip; on a cluster the longest. */
  readonly latencyMs: number;
  /** What works today and may lose data one day. */
  readonly warning?: string;
}

/** Whether this Redis can be relied on: every master of it, new enough, writable, and keeping what it is given. */
export const checkRedis = async (redis: RedisConnection): Promise<RedisHealth> => {
  const nodes = await redis.command((client) =>
    Promise.all((client instanceof Cluster ? client.nodes('master') : [client]).map(examine)),
  );
  const [first] = nodes;
  if (first === undefined) throw new FabricError('STORE_UNAVAILABLE', 'the Redis cluster has no master');
  for (const node of nodes) refuseUnfit(node);
  const evicting = nodes.find(({ evictionPolicy }) => evictionPolicy !== 'noeviction');
  return {
    version: first.version,
    latencyMs: Math.max(...nodes.map(({ latencyMs }) => latencyMs)),
    ...(evicting && {
      warning:
        `Redis evicts keys when its memory is full (maxmemory-policy ${evicting.evictionPolicy}): ` +
        'leases and cursors would vanish; set maxmemory-policy to noeviction',
    }),
  };
};

interface Node {
  readonly version: string;
  readonly latencyMs: number;
  readonly role: string;
  readonly evictionPolicy: string;
}

interface Informant {
  ping(): Promise<unknown>;
  info(): Promise<string>;
}

const examine = async (client: Informant): Promise<Node> => {
  // Before the ping: a node of a cluster is connected to only when it is first needed.
  const info = await client.info();
  const askedAtMs = performance.now();
  await client.ping();
  const latencyMs = performance.now() - askedAtMs;
  const fact = (name: string): string => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
  return { version: fact('redis_version'), latencyMs, role: fact('role'), evictionPolicy: fact('maxmemory_policy') };
};

const refuseUnfit = ({ version, role }: Node): void => {
  if (Number.parseInt(version, 10) < majorMin)
    throw new FabricError('STORE_MISMATCH', `Redis ${version} is too old: ${majorMin} or newer is needed`);
  if (role !== 'master')
    throw new FabricError('STORE_UNAVAILABLE', 'this Redis is a replica and takes no writes: connect to its master');
};
