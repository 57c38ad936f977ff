/** A `send` that came in pieces, read where it lies: its payload is never put together by us. */
import type { Rope } from './rope.ts';
import { payloadTag, sendTag, targetTag, trailingType } from './send-fields.ts';
import { Walk } from './walk.ts';

export interface LargeSend {
  readonly targetTopic: string;
  readonly messageType: number;
  readonly payload: readonly Uint8Array[];
  readonly payloadBytes: number;
  /** The whole frame. */
  readonly rope: Rope;
}

/** One that fills its frame, with topic, payload and type only and in this order; `undefined` for any other. */
export const readLargeSend = (rope: Rope): LargeSend | undefined => {
  const [head] = rope.pieces;
  if (head?.[0] !== sendTag) return undefined;
  const walk = new Walk(head, 1);
  if (walk.varint() !== rope.byteLength - walk.at || head[walk.at] !== targetTag) return undefined;
  walk.at += 1;
  const targetTopic = walk.slice().toString('utf8');
  if (!walk.goesOn || head[walk.at] !== payloadTag) return undefined;
  walk.at += 1;
  const payloadBytes = walk.varint();
  const payloadEnd = walk.at + payloadBytes;
  if (!walk.isUsual || payloadEnd > rope.byteLength) return undefined;
  const tail = Buffer.concat(rope.between(payloadEnd, rope.byteLength));
  const messageType = trailingType(tail, 0, tail.byteLength);
  if (messageType === undefined) return undefined;
  return { targetTopic, messageType, payload: rope.between(walk.at, payloadEnd), payloadBytes, rope };
};
