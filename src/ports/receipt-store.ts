import type { Receipt, ReceiptStep } from '../model/receipt.ts';

/** What is to become of a message whose sender has named it. */
export type Claim =
  /** Noted as accepted: publish it. */
  | { readonly outcome: 'new' }
  /** Accepted before, and nobody knows whether it was published: publish it again, marked as a possible duplicate. */
  | { readonly outcome: 'unknown' }
  /** Durable or further: it must not be published again. */
  | { readonly outcome: 'known'; readonly receipt: Receipt }
  /** A newer session of the sender has claimed it: this one is over. */
  | { readonly outcome: 'superseded' };

/**
 * Receipts by the identity of the sender and the id it chose. Each is forgotten when nothing has been written to it for
 * the time the store is opened with. Calls are atomic per receipt, not between them; the ids in one call are distinct.
 * After `STORE_UNAVAILABLE` any part of the call may have happened, and the whole call may be made again.
 */
export interface ReceiptStore {
  /** Takes the ids for the sender's session of this epoch (I3); answers in their order. */
  claim(
    owner: string,
    ids: readonly string[],
    by: { readonly epoch: bigint; readonly nowMs: number },
  ): Promise<readonly Claim[]>;
  /** Moves receipts up, and makes those that are not there. A step whose rank is not higher changes nothing. */
  advance(steps: readonly ReceiptStep[]): Promise<void>;
  /**
   * Makes `expired` those that are no further than durable and whose time was over at `nowMs`, the earliest first, at
   * most so many at once. Answers with the steps, each to one caller.
   */
  expire(nowMs: number, limit: number): Promise<readonly ReceiptStep[]>;
  /** In the order of the ids. */
  get(owner: string, ids: readonly string[]): Promise<readonly (Receipt | undefined)[]>;
}
