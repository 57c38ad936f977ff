import { expiredAt, type Receipt, type ReceiptStep, receiptRanks, stepOf } from '../../model/receipt.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Claim, ReceiptStore } from '../../ports/receipt-store.ts';

interface Entry {
  readonly owner: string;
  readonly receipt: Receipt;
  readonly rank: number;
  readonly epoch: bigint;
  readonly untilMs: number;
}

/** Receipts of one process, as long as it lives. */
export class MemoryReceiptStore implements ReceiptStore {
  readonly #clock: Clock;
  readonly #retentionMs: number;
  /** Written last comes last, so what is to be forgotten comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor({ clock, retentionMs }: { readonly clock: Clock; readonly retentionMs: number }) {
    this.#clock = clock;
    this.#retentionMs = retentionMs;
  }

  claim(
    owner: string,
    ids: readonly string[],
    { epoch, nowMs }: { readonly epoch: bigint; readonly nowMs: number },
  ): Promise<readonly Claim[]> {
    this.#forget();
    return Promise.resolve(
      ids.map((id): Claim => {
        const found = this.#entries.get(keyOf(owner, id));
        if (found !== undefined && found.rank >= receiptRanks.durable)
          return { outcome: 'known', receipt: found.receipt };
        if (found !== undefined && found.epoch > epoch) return { outcome: 'superseded' };
        this.#put(owner, { id, state: 'accepted', atMs: nowMs, reason: '' }, { rank: receiptRanks.accepted, epoch });
        return { outcome: found?.rank === receiptRanks.accepted ? 'unknown' : 'new' };
      }),
    );
  }

  advance(steps: readonly ReceiptStep[]): Promise<void> {
    for (const { owner, rank, ...receipt } of steps) {
      const found = this.#entries.get(keyOf(owner, receipt.id));
      if (found === undefined || found.rank < rank) this.#put(owner, receipt, { rank, epoch: found?.epoch ?? 0n });
    }
    return Promise.resolve();
  }

  expire(nowMs: number, limit: number): Promise<readonly ReceiptStep[]> {
    this.#forget();
    const steps = [...this.#entries.values()]
      .filter(({ receipt, rank }) => rank < receiptRanks.expired && (receipt.expiresAtMs ?? Infinity) <= nowMs)
      .toSorted((one, other) => (one.receipt.expiresAtMs ?? 0) - (other.receipt.expiresAtMs ?? 0))
      .slice(0, limit)
      .map(({ owner, receipt }) => stepOf(owner, expiredAt(receipt.id, receipt.expiresAtMs ?? nowMs)));
    return this.advance(steps).then(() => steps);
  }

  get(owner: string, ids: readonly string[]): Promise<readonly (Receipt | undefined)[]> {
    this.#forget();
    return Promise.resolve(ids.map((id) => this.#entries.get(keyOf(owner, id))?.receipt));
  }

  #put(owner: string, receipt: Receipt, { rank, epoch }: Pick<Entry, 'rank' | 'epoch'>): void {
    const key = keyOf(owner, receipt.id);
    this.#entries.delete(key);
    this.#entries.set(key, { owner, receipt, rank, epoch, untilMs: this.#clock.monotonic() + this.#retentionMs });
  }

  #forget(): void {
    const nowMs = this.#clock.monotonic();
    for (const [key, { untilMs }] of this.#entries) {
      if (untilMs > nowMs) return;
      this.#entries.delete(key);
    }
  }
}

const keyOf = (owner: string, id: string): string => `${owner} ${id}`;
