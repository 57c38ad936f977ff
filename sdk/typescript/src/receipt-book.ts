/**
 * The messages a client has named and whose receipts it waits for.
 *
 * - B1 Until the gateway says that a message is durable, its frame is kept, and sent again under the same name on the
 *   next connection, before anything newer: the gateway publishes it once.
 * - B2 What is kept is bounded in bytes; senders wait for room.
 * - B3 A receipt that was not told is asked for: after a reconnect, when a wait begins late, and every now and then.
 */
import { randomUUID } from 'node:crypto';
import { type AetherError, failure } from './error.ts';
import { receiptPollMs, receiptsPerQueryMax, resendAfterMs } from './limits.ts';
import { newer, progressTo, type Receipt, type Rung } from './receipt.ts';
import { isHaste } from './refusal.ts';
import type { ReceiptWait, Tracked } from './sent.ts';
import { untilAborted } from './until-aborted.ts';

interface Waiter {
  readonly rung: Rung;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReceiptBookSettings {
  readonly bytesMax: number;
  /** Asks the gateway for receipts; they come in through `take`. Never rejects. */
  readonly query: (ids: readonly string[]) => void;
  /** Sends a frame again. Never rejects. */
  readonly resend: (frame: Uint8Array) => void;
  /** Whether a message that was refused for its sender's haste is given up. */
  readonly rejectsHaste: boolean;
}

/** One message. */
class Entry implements Tracked {
  readonly id: string;
  /** Until it is durable. */
  frame: Uint8Array | undefined;
  isHanded = false;
  receipt: Receipt | undefined;
  failure: unknown;
  readonly waiters: Set<Waiter> = new Set();
  readonly #book: ReceiptBook;

  constructor(id: string, frame: Uint8Array, book: ReceiptBook) {
    this.id = id;
    this.frame = frame;
    this.#book = book;
  }

  async reach(rung: Rung, { signal }: ReceiptWait): Promise<Receipt> {
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>();
    const waiter: Waiter = { rung, resolve, reject };
    this.waiters.add(waiter);
    this.#book.wait(this);
    try {
      return await untilAborted(promise, signal);
    } finally {
      this.waiters.delete(waiter);
      this.#book.release(this);
    }
  }

  /** Answers the waits that are over. */
  settle(): void {
    for (const waiter of this.waiters) {
      if (this.failure !== undefined) waiter.reject(this.failure);
      else if (this.receipt !== undefined) this.#answer(waiter, this.receipt);
    }
  }

  #answer(waiter: Waiter, receipt: Receipt): void {
    const progress = progressTo(waiter.rung, receipt);
    if (progress === 'reached') waiter.resolve(receipt);
    else if (progress === 'out of reach') waiter.reject(unreachable(waiter.rung, receipt));
  }
}

export class ReceiptBook {
  readonly #settings: ReceiptBookSettings;
  readonly #prefix = randomUUID().slice(0, 13);
  #count = 0;
  /** Not durable yet, or waited for. In the order they were sent. */
  readonly #entries = new Map<string, Entry>();
  readonly #late = new Set<string>();
  #bytes = 0;
  #unsettled = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #poll: NodeJS.Timeout | undefined;
  #closed: unknown;

  constructor(settings: ReceiptBookSettings) {
    this.#settings = settings;
  }

  /** Messages that may not be durable. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** A name no other message has. */
  nextId(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }

  /** Resolves when one more may be kept. */
  async untilRoom(): Promise<void> {
    while (this.#bytes >= this.#settings.bytesMax && this.#closed === undefined) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }

  find(id: string): Tracked | undefined {
    return this.#entries.get(id);
  }

  open(id: string, frame: Uint8Array): Tracked {
    const entry = new Entry(id, frame, this);
    this.#entries.set(id, entry);
    this.#bytes += frame.byteLength;
    this.#unsettled += 1;
    return entry;
  }

  handed(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.isHanded = true;
  }

  /** It was not sent after all. */
  drop(id: string, error: unknown): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#fail(entry, error);
  }

  /** What a new connection is to begin with. */
  unconfirmed(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const { isHanded, frame } of this.#entries.values()) if (isHanded && frame !== undefined) frames.push(frame);
    return frames;
  }

  /** On a new connection: what is waited for may have been told to the one before. */
  askAll(): void {
    this.#ask([...this.#entries.values()].filter(({ waiters }) => waiters.size > 0).map(({ id }) => id));
  }

  take(receipts: readonly (Receipt | undefined)[]): void {
    for (const receipt of receipts) {
      const entry = receipt && this.#entries.get(receipt.id);
      if (entry === undefined || receipt === undefined) continue;
      entry.receipt = newer(entry.receipt, receipt);
      if (entry.receipt.state !== 'accepted') this.#confirm(entry);
      entry.settle();
      this.release(entry);
    }
  }

  /** Not known to the gateway; what is on its way need not be, yet. */
  takeUnknown(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry !== undefined && entry.frame === undefined)
        this.#fail(entry, failure('RECEIPT_UNKNOWN', `the gateway has no receipt of ${id} any more`));
    }
  }

  /** Takes the refusal of a message by its name; false where it is nobody's here. */
  refuse(error: AetherError): boolean {
    const entry = this.#entries.get(error.requestId ?? '');
    if (entry === undefined) return false;
    const { frame } = entry;
    const isGivenUp = this.#settings.rejectsHaste && isHaste(error);
    if (error.retryable && !isGivenUp && frame !== undefined && this.#closed === undefined) {
      setTimeout(() => {
        if (entry.frame !== undefined && this.#closed === undefined) this.#settings.resend(frame);
      }, error.retryAfterMs ?? resendAfterMs);
      return true;
    }
    const wasAwaited = entry.waiters.size > 0;
    this.#fail(entry, error);
    return wasAwaited;
  }

  /** The gateway has ended the connection in good order: all of it is durable. */
  confirmAll(): void {
    const at = new Date();
    this.take(
      [...this.#entries.values()]
        .filter(({ frame }) => frame !== undefined)
        .map(({ id }) => ({ id, state: 'durable', at, reason: '' })),
    );
  }

  close(error: unknown): void {
    this.#closed = error;
    for (const entry of this.#entries.values()) this.#fail(entry, error);
    this.#room?.resolve();
    clearInterval(this.#poll);
  }

  /** For entries: somebody waits. */
  wait(entry: Entry): void {
    if (entry.failure === undefined && this.#closed !== undefined) entry.failure = this.#closed;
    if (entry.failure === undefined && !this.#entries.has(entry.id)) {
      this.#entries.set(entry.id, entry);
      this.#askLate(entry.id);
    }
    this.#poll ??= setInterval(() => this.#pollNow(), receiptPollMs).unref();
    entry.settle();
  }

  /** For entries: forgets one that is durable and not waited for. */
  release(entry: Entry): void {
    if (entry.frame === undefined && entry.waiters.size === 0) this.#entries.delete(entry.id);
  }

  #pollNow(): void {
    this.askAll();
    if (this.#entries.size > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** What begins to be waited for in one turn is asked for together. */
  #askLate(id: string): void {
    if (this.#late.size === 0)
      queueMicrotask(() => {
        this.#ask([...this.#late]);
        this.#late.clear();
      });
    this.#late.add(id);
  }

  #ask(ids: readonly string[]): void {
    for (let from = 0; from < ids.length; from += receiptsPerQueryMax)
      this.#settings.query(ids.slice(from, from + receiptsPerQueryMax));
  }

  #fail(entry: Entry, error: unknown): void {
    this.#confirm(entry);
    entry.failure = error;
    entry.settle();
    this.#entries.delete(entry.id);
  }

  /** Nothing has to be sent again. */
  #confirm(entry: Entry): void {
    if (entry.frame === undefined) return;
    this.#bytes -= entry.frame.byteLength;
    this.#unsettled -= 1;
    entry.frame = undefined;
    if (this.#bytes < this.#settings.bytesMax) {
      this.#room?.resolve();
      this.#room = undefined;
    }
  }
}

const unreachable = (rung: Rung, { state, reason }: Receipt): AetherError => {
  const because = reason === '' ? '' : `: ${reason}`;
  switch (state) {
    case 'denied':
      return failure('MESSAGE_DENIED', `the message was denied${because}`);
    case 'expired':
      return failure('MESSAGE_EXPIRED', `the message expired before it was ${rung}${because}`);
    default:
      return failure('MESSAGE_DEAD_LETTERED', `the message went to the dead letters${because}`);
  }
};
