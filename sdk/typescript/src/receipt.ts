/** How far a message has come. */
import { ReceiptState as Wire, type Receipt as WireReceipt } from './gen/aether/v1/fabric.ts';
import { inverse } from './words.ts';

/**
 * `accepted` by a gateway, `durable` in the log, `delivered` to the recipient's transport, `acked` by the recipient; or
 * `denied`, `expired` before that, or `deadLettered` after all attempts. It only moves up.
 */
export type ReceiptState = 'denied' | 'accepted' | 'durable' | 'expired' | 'delivered' | 'deadLettered' | 'acked';

export interface Receipt {
  /** Of the message. */
  readonly id: string;
  readonly state: ReceiptState;
  /** When it came to this, by the gateway's clock. */
  readonly at: Date;
  /** For people; empty where the state says all. */
  readonly reason: string;
}

const states = inverse<ReceiptState, Wire>({
  denied: Wire.DENIED,
  accepted: Wire.ACCEPTED,
  durable: Wire.DURABLE,
  expired: Wire.EXPIRED,
  delivered: Wire.DELIVERED,
  deadLettered: Wire.DEAD_LETTERED,
  acked: Wire.ACKED,
});

/** `undefined` where this version does not know the state. */
export const toReceipt = ({ messageId, state, atUnixMs, reason }: WireReceipt): Receipt | undefined => {
  const name = states.get(state);
  return name && { id: messageId, state: name, at: new Date(Number(atUnixMs)), reason };
};

const order: readonly ReceiptState[] = [
  'denied',
  'accepted',
  'durable',
  'expired',
  'delivered',
  'acked',
  'deadLettered',
];

/** Of two the one that says more. What expired in its recipient's hands has been delivered before. */
export const newer = (one: Receipt | undefined, other: Receipt): Receipt => {
  if (one === undefined || (one.state === 'delivered' && other.state === 'expired')) return other;
  return order.indexOf(other.state) > order.indexOf(one.state) ? other : one;
};

/** What one can wait for. */
export type Rung = 'accepted' | 'durable' | 'delivered' | 'acked';

const reachedFrom: Readonly<Record<Rung, ReadonlySet<ReceiptState>>> = {
  accepted: new Set(['accepted', 'durable', 'expired', 'delivered', 'deadLettered', 'acked']),
  durable: new Set(['durable', 'expired', 'delivered', 'deadLettered', 'acked']),
  delivered: new Set(['delivered', 'deadLettered', 'acked']),
  acked: new Set(['acked']),
};

const ends: ReadonlySet<ReceiptState> = new Set(['denied', 'expired', 'deadLettered', 'acked']);

export type Progress = 'reached' | 'out of reach' | 'on the way';

export const progressTo = (rung: Rung, { state }: Receipt): Progress => {
  if (reachedFrom[rung].has(state)) return 'reached';
  return ends.has(state) ? 'out of reach' : 'on the way';
};
