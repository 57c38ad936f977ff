import { defaultKeyPrefix, RedisKeys } from '../../../src/adapters/redis/keys.ts';
import { type OpenRedisOptions, openRedis } from '../../../src/adapters/redis/open-redis.ts';
import type { RedisConnection } from '../../../src/adapters/redis/redis-connection.ts';
import { RedisCursorStore } from '../../../src/adapters/redis/redis-cursor-store.ts';
import { RedisHints } from '../../../src/adapters/redis/redis-hints.ts';
import { RedisLeaseStore } from '../../../src/adapters/redis/redis-lease-store.ts';
import type { Acquisition, LeaseRecord, LeaseRequest } from '../../../src/ports/lease-store.ts';
import { KeptLog } from './kept-log.ts';

export interface Stores extends AsyncDisposable {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
  readonly leases: RedisLeaseStore;
  readonly cursors: RedisCursorStore;
  readonly hints: RedisHints;
  readonly log: KeptLog;
}

/** Everything one gateway has of Redis. */
export const openStores = async (
  options: Omit<OpenRedisOptions, 'log'>,
  prefix: string = defaultKeyPrefix,
): Promise<Stores> => {
  const log = new KeptLog();
  const redis = await openRedis({ ...options, log });
  const keys = new RedisKeys(prefix);
  return {
    redis,
    keys,
    log,
    leases: new RedisLeaseStore({ redis, keys }),
    cursors: new RedisCursorStore({ redis, keys }),
    hints: new RedisHints({ redis, keys, log }),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
};

export const asking = (name: string, changes: Partial<LeaseRequest> = {}): LeaseRequest => ({
  name,
  holder: 'session-1',
  keeper: 'gateway-1#1',
  note: '',
  ttlMs: 30_000,
  resumes: '',
  ...changes,
});

export const granted = (acquisition: Acquisition): LeaseRecord => {
  if (acquisition.outcome !== 'granted') throw new Error(`not granted: held by ${acquisition.record.holder}`);
  return acquisition.record;
};
