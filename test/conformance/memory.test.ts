import { MemoryCheckpointStore } from '../../src/adapters/memory/memory-checkpoint-store.ts';
import { MemoryCursorCopies } from '../../src/adapters/memory/memory-cursor-copies.ts';
import { MemoryCursorStore } from '../../src/adapters/memory/memory-cursor-store.ts';
import { MemoryDeadLetterStore } from '../../src/adapters/memory/memory-dead-letter-store.ts';
import { MemoryDelayStore } from '../../src/adapters/memory/memory-delay-store.ts';
import { MemoryHints } from '../../src/adapters/memory/memory-hints.ts';
import { MemoryKvStore } from '../../src/adapters/memory/memory-kv-store.ts';
import { MemoryLeaseStore } from '../../src/adapters/memory/memory-lease-store.ts';
import { MemoryMessageLog } from '../../src/adapters/memory/memory-message-log.ts';
import { MemoryQuotaLedger } from '../../src/adapters/memory/memory-quota-ledger.ts';
import { MemoryQuotaOverrideStore } from '../../src/adapters/memory/memory-quota-override-store.ts';
import { MemoryReceiptStore } from '../../src/adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../../src/adapters/memory/memory-topic-index.ts';
import { MemoryWorkQueue } from '../../src/adapters/memory/memory-work-queue.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { checkpointStoreConformance } from './checkpoint-store.ts';
import { cursorCopiesConformance } from './cursor-copies.ts';
import { cursorStoreConformance } from './cursor-store.ts';
import { deadLetterStoreConformance } from './dead-letter-store.ts';
import { delayStoreConformance } from './delay-store.ts';
import { hintsConformance } from './hints.ts';
import { kvStoreConformance } from './kv-store.ts';
import { leaseStoreConformance } from './lease-store.ts';
import { messageLogConformance } from './message-log.ts';
import { quotaLedgerConformance } from './quota-ledger.ts';
import { quotaOverrideStoreConformance } from './quota-override-store.ts';
import { receiptStoreConformance } from './receipt-store.ts';
import { topicIndexConformance } from './topic-index.ts';
import { workQueueConformance } from './work-queue.ts';

const nothing = (): Promise<void> => Promise.resolve();

leaseStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryLeaseStore(systemClock), [Symbol.asyncDispose]: nothing }),
);
cursorCopiesConformance('memory', () =>
  Promise.resolve({ copies: new MemoryCursorCopies(), [Symbol.asyncDispose]: nothing }),
);
cursorStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryCursorStore(), [Symbol.asyncDispose]: nothing }),
);
kvStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryKvStore(systemClock), [Symbol.asyncDispose]: nothing }),
);
checkpointStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryCheckpointStore(systemClock), [Symbol.asyncDispose]: nothing }),
);
messageLogConformance('memory', {
  open: () =>
    Promise.resolve({ log: new MemoryMessageLog({ partitions: 4, spread: 4 }), [Symbol.asyncDispose]: nothing }),
});
topicIndexConformance('memory', () =>
  Promise.resolve({ index: new MemoryTopicIndex(), [Symbol.asyncDispose]: nothing }),
);
workQueueConformance('memory', () => Promise.resolve({ queue: new MemoryWorkQueue(), [Symbol.asyncDispose]: nothing }));
receiptStoreConformance('memory', (retentionMs) =>
  Promise.resolve({
    store: new MemoryReceiptStore({ clock: systemClock, retentionMs }),
    [Symbol.asyncDispose]: nothing,
  }),
);
deadLetterStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryDeadLetterStore(), [Symbol.asyncDispose]: nothing }),
);

quotaLedgerConformance('memory', () =>
  Promise.resolve({ ledger: new MemoryQuotaLedger(systemClock), [Symbol.asyncDispose]: nothing }),
);
quotaOverrideStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryQuotaOverrideStore(), [Symbol.asyncDispose]: nothing }),
);

delayStoreConformance('memory', () =>
  Promise.resolve({ store: new MemoryDelayStore(systemClock), [Symbol.asyncDispose]: nothing }),
);

hintsConformance('memory', () => {
  const hints = new MemoryHints();
  return Promise.resolve({ ends: [hints, hints] as const, [Symbol.asyncDispose]: nothing });
});
