/**
 * What all gateways share: the memory adapters, behind which nothing is simulated any more. A mutation puts itself in
 * front of one of them; the ledger looks at both sides: at what was asked and answered, and at what is really there.
 */
import { MemoryCheckpointStore } from '../../src/adapters/memory/memory-checkpoint-store.ts';
import { MemoryCursorStore } from '../../src/adapters/memory/memory-cursor-store.ts';
import { MemoryDeadLetterStore } from '../../src/adapters/memory/memory-dead-letter-store.ts';
import { MemoryDelayStore } from '../../src/adapters/memory/memory-delay-store.ts';
import { MemoryKvStore } from '../../src/adapters/memory/memory-kv-store.ts';
import { MemoryLeaseStore } from '../../src/adapters/memory/memory-lease-store.ts';
import { MemoryMessageLog } from '../../src/adapters/memory/memory-message-log.ts';
import { MemoryQuotaLedger } from '../../src/adapters/memory/memory-quota-ledger.ts';
import { MemoryQuotaOverrideStore } from '../../src/adapters/memory/memory-quota-override-store.ts';
import { MemoryReceiptStore } from '../../src/adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../../src/adapters/memory/memory-topic-index.ts';
import { MemoryWorkQueue } from '../../src/adapters/memory/memory-work-queue.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { CursorStore } from '../../src/ports/cursor-store.ts';
import type { DeadLetterStore } from '../../src/ports/dead-letter-store.ts';
import type { Hint } from '../../src/ports/hints.ts';
import type { KvStore } from '../../src/ports/kv-store.ts';
import type { LeaseStore } from '../../src/ports/lease-store.ts';
import type { LogLayout, MessageLog } from '../../src/ports/message-log.ts';
import type { WorkQueue } from '../../src/ports/work-queue.ts';
import type { Ledger } from './ledger.ts';
import { watchCheckpoints, watchKv } from './state/watch-state.ts';
import { watchAppends, watchCursors, watchDeadLetters, watchLeases, watchPlaces } from './watch.ts';

export interface StoreSet {
  readonly leases: LeaseStore;
  readonly cursors: CursorStore;
  readonly log: MessageLog;
  readonly work: WorkQueue;
}

/** A planted bug in a store: what stands in front of the real one. */
export interface StoreBugs {
  readonly leases?: (store: LeaseStore, clock: Clock) => LeaseStore;
  readonly cursors?: (store: CursorStore) => CursorStore;
  readonly log?: (log: MessageLog, clock: Clock) => MessageLog;
  readonly work?: (work: WorkQueue) => WorkQueue;
  readonly kv?: (store: KvStore) => KvStore;
  readonly checkpoints?: (store: CheckpointStore) => CheckpointStore;
}

/** Longer than any run. */
const receiptsMs = 3_600_000;

export interface StoresDeps {
  readonly clock: Clock;
  readonly layout: LogLayout;
  readonly ledger: Ledger;
  readonly bugs: StoreBugs;
}

export class Stores implements StoreSet {
  readonly #deps: StoresDeps;
  readonly log: MessageLog;
  readonly work: WorkQueue;
  leases: LeaseStore;
  cursors: CursorStore;
  readonly topicIndex = new MemoryTopicIndex();
  readonly deadLetters: DeadLetterStore;
  readonly delays: MemoryDelayStore;
  readonly quotaLedger: MemoryQuotaLedger;
  readonly quotaOverrides = new MemoryQuotaOverrideStore();
  receipts: MemoryReceiptStore;
  kv: KvStore;
  checkpoints: CheckpointStore;
  /** Every gateway that listens to hints. */
  readonly hearers = new Set<(hint: Hint) => void>();

  constructor(deps: StoresDeps) {
    this.#deps = deps;
    const { clock, layout, ledger, bugs } = deps;
    const log = watchAppends(new MemoryMessageLog(layout), ledger);
    this.log = bugs.log?.(log, clock) ?? log;
    const work = new MemoryWorkQueue();
    this.work = bugs.work?.(work) ?? work;
    this.receipts = this.#openReceipts();
    this.quotaLedger = new MemoryQuotaLedger(clock);
    this.delays = new MemoryDelayStore(clock);
    this.kv = this.#openKv();
    this.deadLetters = watchDeadLetters(new MemoryDeadLetterStore(), ledger);
    this.checkpoints = this.#openCheckpoints();
    this.leases = this.#openLeases();
    this.cursors = this.#openCursors();
  }

  /** Redis comes back with nothing in it: neither leases nor places, receipts, keys or checkpoints, nor their epochs. */
  wipe(): void {
    this.#deps.ledger.wiped();
    this.leases = this.#openLeases({ lostDataAtMs: this.#deps.clock.monotonic() });
    this.cursors = this.#openCursors();
    this.receipts = this.#openReceipts();
    this.kv = this.#openKv();
    this.checkpoints = this.#openCheckpoints();
  }

  #openKv(): KvStore {
    const { clock, ledger, bugs } = this.#deps;
    const store = new MemoryKvStore(clock);
    return watchKv(bugs.kv?.(store) ?? store, ledger);
  }

  #openCheckpoints(): CheckpointStore {
    const { clock, ledger, bugs } = this.#deps;
    const store = new MemoryCheckpointStore(clock);
    return watchCheckpoints(bugs.checkpoints?.(store) ?? store, ledger);
  }

  #openReceipts(): MemoryReceiptStore {
    return new MemoryReceiptStore({ clock: this.#deps.clock, retentionMs: receiptsMs });
  }

  #openLeases(past: { readonly lostDataAtMs?: number } = {}): LeaseStore {
    const { clock, ledger, bugs } = this.#deps;
    const store = new MemoryLeaseStore(clock, past);
    return watchLeases(bugs.leases?.(store, clock) ?? store, ledger);
  }

  #openCursors(): CursorStore {
    const { ledger, bugs } = this.#deps;
    const store = watchPlaces(new MemoryCursorStore(), ledger);
    return watchCursors(bugs.cursors?.(store) ?? store, ledger);
  }
}
