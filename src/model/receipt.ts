/**
 * How far a message has come, as its sender may know it. A receipt only ever moves up: each state has a rank, and a
 * step to a lower one changes nothing, so it does not matter in which order two gateways write.
 *
 *     denied ─▶ accepted ─▶ durable ─▶ expired
 *                              └─────▶ delivered ─▶ expired, acked, dead_lettered
 *
 * `accepted`: a gateway has taken it, and what became of it is unknown until `durable`, when the log has it. `delivered`:
 * the recipient's transport has answered for it. `acked`: the recipient has said that it is done with it.
 */
export type ReceiptState = 'denied' | 'accepted' | 'durable' | 'delivered' | 'acked' | 'expired' | 'dead_lettered';

export interface Receipt {
  /** The sender's name for the message. */
  readonly id: string;
  readonly state: ReceiptState;
  readonly atMs: number;
  /** For people; empty where the state says all. */
  readonly reason: string;
  /** Of one that is durable: when its time is over. Absent where that is never. */
  readonly expiresAtMs?: number;
}

export interface ReceiptStep extends Receipt {
  /** The identity of the sender. */
  readonly owner: string;
  readonly rank: number;
}

/** Gaps are for states to come. */
export const receiptRanks: Readonly<Record<ReceiptState, number>> = {
  denied: 0,
  accepted: 10,
  durable: 20,
  expired: 30,
  delivered: 40,
  acked: 60,
  // Above it: an acknowledgement may be written late, by the gateway of a stream that was lost, and the letter stays.
  dead_lettered: 70,
};

/** Of `expired` where the recipient has had it and was not done with it. */
export const expiredAfterDeliveryRank = 50;

/** Of a message whose time was over before anybody had it. */
export const expiredAt = (id: string, atMs: number): Receipt => ({ id, state: 'expired', atMs, reason: '' });

export const stepOf = (owner: string, receipt: Receipt): ReceiptStep => ({
  owner,
  ...receipt,
  rank: receiptRanks[receipt.state],
});
