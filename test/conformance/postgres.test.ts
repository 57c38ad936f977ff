import { afterAll, describe } from 'vitest';
import { openPostgresDatabase } from '../../src/adapters/sql/postgres-database.ts';
import { SqlCheckpointStore } from '../../src/adapters/sql/sql-checkpoint-store.ts';
import { SqlCursorCopies } from '../../src/adapters/sql/sql-cursor-copies.ts';
import { SqlCursorStore } from '../../src/adapters/sql/sql-cursor-store.ts';
import type { SqlDatabase } from '../../src/adapters/sql/sql-database.ts';
import { SqlDeadLetterStore } from '../../src/adapters/sql/sql-dead-letter-store.ts';
import { SqlDelayStore } from '../../src/adapters/sql/sql-delay-store.ts';
import { SqlKvStore } from '../../src/adapters/sql/sql-kv-store.ts';
import { SqlQuotaOverrideStore } from '../../src/adapters/sql/sql-quota-override-store.ts';
import { SqlReceiptStore } from '../../src/adapters/sql/sql-receipt-store.ts';
import { SqlTopicIndex } from '../../src/adapters/sql/sql-topic-index.ts';
import { defaultWorkQueueOptions, SqlWorkQueue } from '../../src/adapters/sql/sql-work-queue.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { createTestDatabase, hasPostgres, type TestDatabase } from '../adapters/sql/addresses.ts';
import { silentLog } from '../adapters/sql/silent-log.ts';
import { checkpointStoreConformance } from './checkpoint-store.ts';
import { cursorCopiesConformance } from './cursor-copies.ts';
import { cursorStoreConformance } from './cursor-store.ts';
import { deadLetterStoreConformance } from './dead-letter-store.ts';
import { delayStoreConformance } from './delay-store.ts';
import { kvStoreConformance } from './kv-store.ts';
import { quotaOverrideStoreConformance } from './quota-override-store.ts';
import { receiptStoreConformance } from './receipt-store.ts';
import { topicIndexConformance } from './topic-index.ts';
import { workQueueConformance } from './work-queue.ts';

describe.runIf(hasPostgres())('on Postgres', () => {
  let created: Promise<TestDatabase> | undefined;
  const open = async (): Promise<SqlDatabase> => {
    const { url } = await (created ??= createTestDatabase());
    return openPostgresDatabase({ url, connectionsMax: 4 }, { log: silentLog });
  };
  afterAll(async () => (await created)?.[Symbol.asyncDispose]());

  cursorCopiesConformance('postgres', async () => {
    const database = await open();
    return {
      copies: new SqlCursorCopies(database),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  cursorStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlCursorStore(database),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  receiptStoreConformance('postgres', async (retentionMs) => {
    const database = await open();
    return {
      store: new SqlReceiptStore({ database, clock: systemClock, retentionMs }),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  let indexes = 0;
  topicIndexConformance('postgres', async () => {
    const database = await open();
    const logId = `log-${(indexes += 1)}`;
    return {
      index: new SqlTopicIndex({ database, clock: systemClock, logId, retentionMs: 60_000 }),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  kvStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlKvStore({ database, clock: systemClock }),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  checkpointStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlCheckpointStore({ database, clock: systemClock }),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  deadLetterStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlDeadLetterStore(database),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  quotaOverrideStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlQuotaOverrideStore(database),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  delayStoreConformance('postgres', async () => {
    const database = await open();
    return {
      store: new SqlDelayStore(database, systemClock),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  });

  workQueueConformance('postgres', async () => {
    const database = await open();
    const queue = await SqlWorkQueue.open(defaultWorkQueueOptions, { database, clock: systemClock, log: silentLog });
    return {
      queue,
      [Symbol.asyncDispose]: async () => {
        await queue[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  });
});
