import type { ReceiptStep } from '../model/receipt.ts';

/**
 * Small facts gateways tell each other. A hint may be lost or come twice, so it only ever shortens a wait; the truth
 * is in a store.
 */
export type Hint =
  /** End the session that holds `identity` under `epoch`, if you have it. */
  | { readonly kind: 'kick'; readonly identity: string; readonly epoch: bigint; readonly reason: string }
  /** Is the peer of this session still there? Whoever has it answers with `presence`. */
  | { readonly kind: 'probe'; readonly identity: string; readonly epoch: bigint; readonly probe: string }
  /**
   * `identity` has a successor: end the session that held it under `epoch` and `keeper`, and answer with `presence`, not
   * alive, once nothing comes of it any more.
   */
  | {
      readonly kind: 'settle';
      readonly identity: string;
      readonly epoch: bigint;
      readonly keeper: string;
      readonly probe: string;
    }
  /** The session asked about by `settle` is over for its client; what it said may still be on its way to the log. */
  | { readonly kind: 'heard'; readonly probe: string }
  | { readonly kind: 'presence'; readonly probe: string; readonly alive: boolean }
  /** These receipts have been written: their senders may be told. */
  | { readonly kind: 'receipts'; readonly steps: readonly ReceiptStep[] }
  /** Overrides of quotas have changed. */
  | { readonly kind: 'quotas' };

export interface Hints {
  /** To every gateway, this one included. Never fails: a hint that cannot be sent is lost. */
  publish(hint: Hint): void;
  /** Every hint from now on, until the signal aborts. */
  subscribe(listener: (hint: Hint) => void, options: { readonly signal: AbortSignal }): Promise<void>;
}
