import { RedisKeys } from '../../src/adapters/redis/keys.ts';
import { openRedis } from '../../src/adapters/redis/open-redis.ts';
import { RedisCheckpointStore } from '../../src/adapters/redis/redis-checkpoint-store.ts';
import { RedisCursorStore } from '../../src/adapters/redis/redis-cursor-store.ts';
import { RedisHints } from '../../src/adapters/redis/redis-hints.ts';
import { RedisKvStore } from '../../src/adapters/redis/redis-kv-store.ts';
import { RedisLeaseStore } from '../../src/adapters/redis/redis-lease-store.ts';
import { RedisQuotaLedger } from '../../src/adapters/redis/redis-quota-ledger.ts';
import { RedisReceiptStore } from '../../src/adapters/redis/redis-receipt-store.ts';
import { RedisTopicIndex } from '../../src/adapters/redis/redis-topic-index.ts';
import { onEachRedis } from '../adapters/redis/addresses.ts';
import { KeptLog } from '../adapters/redis/kept-log.ts';
import { checkpointStoreConformance } from './checkpoint-store.ts';
import { cursorStoreConformance } from './cursor-store.ts';
import { hintsConformance } from './hints.ts';
import { kvStoreConformance } from './kv-store.ts';
import { leaseStoreConformance } from './lease-store.ts';
import { quotaLedgerConformance } from './quota-ledger.ts';
import { receiptStoreConformance } from './receipt-store.ts';
import { topicIndexConformance } from './topic-index.ts';

onEachRedis((kind, server) => {
  const log = new KeptLog();
  const open = () => openRedis({ ...server, log });
  /** A prefix of this run: other tests may use the same server. */
  const keys = new RedisKeys(`conformance-${process.pid}-${Date.now()}:`);

  let indexes = 0;
  topicIndexConformance(`redis ${kind}`, async () => {
    const redis = await open();
    const prefix = `conformance-${process.pid}-${Date.now()}-${(indexes += 1)}:`;
    return {
      index: new RedisTopicIndex({ redis, prefix, retentionMs: 60_000 }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  });
  leaseStoreConformance(
    `redis ${kind}`,
    async () => {
      const redis = await open();
      return { store: new RedisLeaseStore({ redis, keys }), [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
    },
    { knowsListeners: kind !== 'cluster' },
  );
  cursorStoreConformance(`redis ${kind}`, async () => {
    const redis = await open();
    return { store: new RedisCursorStore({ redis, keys }), [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
  });
  receiptStoreConformance(`redis ${kind}`, async (retentionMs) => {
    const redis = await open();
    return {
      store: new RedisReceiptStore({ redis, keys, retentionMs }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  });

  kvStoreConformance(`redis ${kind}`, async () => {
    const redis = await open();
    return { store: new RedisKvStore({ redis, keys }), [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
  });
  checkpointStoreConformance(`redis ${kind}`, async () => {
    const redis = await open();
    return {
      store: new RedisCheckpointStore({ redis, keys }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  });
  quotaLedgerConformance(`redis ${kind}`, async () => {
    const redis = await open();
    return { ledger: new RedisQuotaLedger({ redis, keys }), [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
  });
  hintsConformance(`redis ${kind}`, async () => {
    const opened = [await open(), await open()] as const;
    const end = (redis: (typeof opened)[number]) => new RedisHints({ redis, keys, log });
    return {
      ends: [end(opened[0]), end(opened[1])] as const,
      [Symbol.asyncDispose]: async () => {
        for (const redis of opened) await redis[Symbol.asyncDispose]();
      },
    };
  });
});
