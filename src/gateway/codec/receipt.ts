import { ReceiptState as Wire, type Receipt as WireReceipt } from '../../gen/aether/v1/fabric.ts';
import type { Receipt, ReceiptState } from '../../model/receipt.ts';

const states = {
  denied: Wire.DENIED,
  accepted: Wire.ACCEPTED,
  durable: Wire.DURABLE,
  expired: Wire.EXPIRED,
  delivered: Wire.DELIVERED,
  dead_lettered: Wire.DEAD_LETTERED,
  acked: Wire.ACKED,
} as const satisfies Record<ReceiptState, Wire>;

export const toWireReceipt = ({ id, state, atMs, reason }: Receipt): WireReceipt => ({
  messageId: id,
  state: states[state],
  atUnixMs: BigInt(Math.floor(atMs)),
  reason,
});
