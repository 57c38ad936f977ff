/**
 * The embedded composition: one process, nothing but Node. Leases and hints live in memory, since there is nobody else;
 * the log, the cursors, competing work, key-value state and checkpoints in SQLite in the data directory.
 */
import { join } from 'node:path';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLeaseStore } from '../adapters/memory/memory-lease-store.ts';
import { MemoryQuotaLedger } from '../adapters/memory/memory-quota-ledger.ts';
import { SqlCursorStore } from '../adapters/sql/sql-cursor-store.ts';
import { SqlDeadLetterStore } from '../adapters/sql/sql-dead-letter-store.ts';
import { SqlDelayStore } from '../adapters/sql/sql-delay-store.ts';
import { SqlQuotaOverrideStore } from '../adapters/sql/sql-quota-override-store.ts';
import { SqlReceiptStore } from '../adapters/sql/sql-receipt-store.ts';
import { SqlTopicIndex } from '../adapters/sql/sql-topic-index.ts';
import { defaultWorkQueueOptions, SqlWorkQueue } from '../adapters/sql/sql-work-queue.ts';
import { openSqliteDatabase } from '../adapters/sql/sqlite-database.ts';
import { SqliteMessageLog } from '../adapters/sql/sqlite-message-log.ts';
import { SqliteState } from '../adapters/sql/sqlite-state.ts';
import type { OpenComposition } from './composition.ts';
import { cursorsOfLog } from './log-cursors.ts';

export const openEmbedded: OpenComposition = async ({ embedded, log: settings, receipts }, given) => {
  const { clock, log } = given;
  const path = (file: string): string => join(embedded.data_dir, file);
  await using opened = new AsyncDisposableStack();
  const messageLog = opened.use(
    await SqliteMessageLog.open(
      {
        path: path('messages.db'),
        layout: { partitions: settings.partitions, spread: settings.spread },
        retention: { ageMs: settings.retention_age, bytes: settings.retention_size },
      },
      { clock, log },
    ),
  );
  // Losing the last cursors in a power cut repeats deliveries; waiting for the disk at each would cost every client.
  const cursors = opened.use(await openSqliteDatabase({ path: path('cursors.db'), synchronous: 'normal' }));
  const work = opened.use(await openSqliteDatabase({ path: path('work.db'), synchronous: 'full' }));
  const workQueue = opened.use(await SqlWorkQueue.open(defaultWorkQueueOptions, { database: work, clock, log }));
  // The names of the last messages before a power cut may be forgotten: one sent again then comes twice.
  const named = opened.use(await openSqliteDatabase({ path: path('receipts.db'), synchronous: 'normal' }));
  const state = opened.use(await SqliteState.open({ path: path('state.db') }));
  const stack = opened.move();
  return {
    ports: {
      ...given,
      leaseStore: new MemoryLeaseStore(clock),
      hints: new MemoryHints(),
      messageLog,
      topicIndex: new SqlTopicIndex({
        database: cursors,
        clock,
        logId: messageLog.id,
        retentionMs: settings.retention_age,
      }),
      cursorStore: cursorsOfLog(messageLog.id, new SqlCursorStore(cursors)),
      workQueue,
      delayStore: new SqlDelayStore(work, clock),
      deadLetterStore: new SqlDeadLetterStore(work),
      receiptStore: new SqlReceiptStore({ database: named, clock, retentionMs: receipts.retention }),
      kvStore: state.kvStore,
      checkpointStore: state.checkpointStore,
      quotaLedger: new MemoryQuotaLedger(clock),
      quotaOverrideStore: new SqlQuotaOverrideStore(work),
    },
    checks: [
      {
        name: 'log',
        check: () => (messageLog.failure === undefined ? Promise.resolve() : Promise.reject(messageLog.failure)),
      },
      {
        name: 'state',
        check: () => (state.failure === undefined ? Promise.resolve() : Promise.reject(state.failure)),
      },
    ],
    summary: `data in ${embedded.data_dir}`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
