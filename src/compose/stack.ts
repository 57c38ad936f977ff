/**
 * The stack composition: one of any number of processes that share everything through Redis (leases, hints, cursors),
 * RabbitMQ (the log in streams, competing work in quorum queues) and Postgres.
 */
import { openRabbitMessageLog } from '../adapters/rabbitmq/rabbit-message-log.ts';
import { RabbitWorkQueue } from '../adapters/rabbitmq/rabbit-work-queue.ts';
import { RedisKeys } from '../adapters/redis/keys.ts';
import { openRedis } from '../adapters/redis/open-redis.ts';
import { RedisCheckpointStore } from '../adapters/redis/redis-checkpoint-store.ts';
import { RedisCursorStore } from '../adapters/redis/redis-cursor-store.ts';
import { RedisHints } from '../adapters/redis/redis-hints.ts';
import { RedisKvStore } from '../adapters/redis/redis-kv-store.ts';
import { RedisLeaseStore } from '../adapters/redis/redis-lease-store.ts';
import { RedisQuotaLedger } from '../adapters/redis/redis-quota-ledger.ts';
import { RedisReceiptStore } from '../adapters/redis/redis-receipt-store.ts';
import { RedisTopicIndex } from '../adapters/redis/redis-topic-index.ts';
import { openPostgresDatabase } from '../adapters/sql/postgres-database.ts';
import { SqlCursorCopies } from '../adapters/sql/sql-cursor-copies.ts';
import { SqlDeadLetterStore } from '../adapters/sql/sql-dead-letter-store.ts';
import { SqlDelayStore } from '../adapters/sql/sql-delay-store.ts';
import { SqlQuotaOverrideStore } from '../adapters/sql/sql-quota-override-store.ts';
import type { OpenComposition } from './composition.ts';
import { CopiedCursors } from './copied-cursors.ts';
import { cursorsOfLog } from './log-cursors.ts';
import { stackChecks } from './stack-checks.ts';
import { postgresOptions, rabbitLogSettings, rabbitWorkSettings, redisOptions } from './stack-settings.ts';

const openTimeoutMs = 30_000;

export const openStack: OpenComposition = async (config, given) => {
  const { clock, log, entropy } = given;
  const signal = AbortSignal.timeout(openTimeoutMs);
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await openRedis({ ...redisOptions(config), log, signal }));
  const database = opened.use(await openPostgresDatabase(postgresOptions(config), { log }));
  const messageLog = opened.use(
    await openRabbitMessageLog(rabbitLogSettings(config), { clock, log, entropy }, { signal }),
  );
  const workQueue = opened.use(new RabbitWorkQueue(rabbitWorkSettings(config), { clock, log }));
  const keys = new RedisKeys(config.redis.prefix);
  const cursors = opened.use(
    new CopiedCursors({
      store: new RedisCursorStore({ redis, keys }),
      copies: new SqlCursorCopies(database),
      clock,
      log,
    }),
  );
  const stack = opened.move();
  return {
    ports: {
      ...given,
      leaseStore: new RedisLeaseStore({ redis, keys, isNew: messageLog.isNew }),
      hints: new RedisHints({ redis, keys, log }),
      cursorStore: cursorsOfLog(messageLog.id, cursors),
      messageLog,
      topicIndex: new RedisTopicIndex({
        redis,
        prefix: `${config.redis.prefix}${messageLog.id}:`,
        retentionMs: config.log.retention_age,
      }),
      workQueue,
      delayStore: new SqlDelayStore(database, clock),
      deadLetterStore: new SqlDeadLetterStore(database),
      receiptStore: new RedisReceiptStore({ redis, keys, retentionMs: config.receipts.retention }),
      kvStore: new RedisKvStore({ redis, keys }),
      checkpointStore: new RedisCheckpointStore({ redis, keys }),
      quotaLedger: new RedisQuotaLedger({ redis, keys }),
      quotaOverrideStore: new SqlQuotaOverrideStore(database),
    },
    checks: stackChecks(config, { redis, database, clock, log }),
    summary: `Redis ${config.redis.addresses.join(', ')}, RabbitMQ ${messageLog.broker?.version ?? ''}, Postgres ${config.postgres.host}:${config.postgres.port}`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
