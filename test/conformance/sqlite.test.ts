import { afterAll, describe } from 'vitest';
import { SqlCheckpointStore } from '../../src/adapters/sql/sql-checkpoint-store.ts';
import { SqlCursorCopies } from '../../src/adapters/sql/sql-cursor-copies.ts';
import { SqlCursorStore } from '../../src/adapters/sql/sql-cursor-store.ts';
import { SqlDeadLetterStore } from '../../src/adapters/sql/sql-dead-letter-store.ts';
import { SqlDelayStore } from '../../src/adapters/sql/sql-delay-store.ts';
import { SqlKvStore } from '../../src/adapters/sql/sql-kv-store.ts';
import { SqlQuotaOverrideStore } from '../../src/adapters/sql/sql-quota-override-store.ts';
import { SqlReceiptStore } from '../../src/adapters/sql/sql-receipt-store.ts';
import { SqlTopicIndex } from '../../src/adapters/sql/sql-topic-index.ts';
import { defaultWorkQueueOptions, SqlWorkQueue } from '../../src/adapters/sql/sql-work-queue.ts';
import { openSqliteDatabase } from '../../src/adapters/sql/sqlite-database.ts';
import { defaultLogRetention, SqliteMessageLog } from '../../src/adapters/sql/sqlite-message-log.ts';
import { SqliteState } from '../../src/adapters/sql/sqlite-state.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { createTestDirectory } from '../adapters/sql/directory.ts';
import { silentLog } from '../adapters/sql/silent-log.ts';
import { checkpointStoreConformance } from './checkpoint-store.ts';
import { cursorCopiesConformance } from './cursor-copies.ts';
import { cursorStoreConformance } from './cursor-store.ts';
import { deadLetterStoreConformance } from './dead-letter-store.ts';
import { delayStoreConformance } from './delay-store.ts';
import { kvStoreConformance } from './kv-store.ts';
import { messageLogConformance } from './message-log.ts';
import { quotaOverrideStoreConformance } from './quota-override-store.ts';
import { receiptStoreConformance } from './receipt-store.ts';
import { topicIndexConformance } from './topic-index.ts';
import { workQueueConformance } from './work-queue.ts';

cursorCopiesConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'normal' });
  return {
    copies: new SqlCursorCopies(database),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

cursorStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'normal' });
  return {
    store: new SqlCursorStore(database),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

receiptStoreConformance('sqlite', async (retentionMs) => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'normal' });
  return {
    store: new SqlReceiptStore({ database, clock: systemClock, retentionMs }),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

kvStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  return {
    store: new SqlKvStore({ database, clock: systemClock }),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

checkpointStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  return {
    store: new SqlCheckpointStore({ database, clock: systemClock }),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

const openState = async () => {
  const directory = createTestDirectory();
  const state = await SqliteState.open({ path: directory.file('state.db') });
  return {
    state,
    [Symbol.asyncDispose]: async () => {
      await state[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
};

kvStoreConformance('sqlite, in a thread', async () => {
  const opened = await openState();
  return { store: opened.state.kvStore, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
});

checkpointStoreConformance('sqlite, in a thread', async () => {
  const opened = await openState();
  return { store: opened.state.checkpointStore, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
});

topicIndexConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'normal' });
  return {
    index: new SqlTopicIndex({ database, clock: systemClock, logId: 'log', retentionMs: 60_000 }),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

deadLetterStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  return {
    store: new SqlDeadLetterStore(database),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

quotaOverrideStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  return {
    store: new SqlQuotaOverrideStore(database),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

delayStoreConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  return {
    store: new SqlDelayStore(database, systemClock),
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

workQueueConformance('sqlite', async () => {
  const directory = createTestDirectory();
  const database = await openSqliteDatabase({ path: directory.file('fabric.db'), synchronous: 'full' });
  const queue = await SqlWorkQueue.open(defaultWorkQueueOptions, { database, clock: systemClock, log: silentLog });
  return {
    queue,
    [Symbol.asyncDispose]: async () => {
      await queue[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

describe('in one directory', () => {
  const directory = createTestDirectory();
  afterAll(() => directory[Symbol.dispose]());

  const open = async () => {
    const log = await SqliteMessageLog.open(
      { path: directory.file('log.db'), layout: { partitions: 4, spread: 4 }, retention: defaultLogRetention },
      { clock: systemClock, log: silentLog },
    );
    return { log, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
  };

  messageLogConformance('sqlite', {
    open,
    reopen: async (opened) => {
      await opened[Symbol.asyncDispose]();
      return open();
    },
  });
});
