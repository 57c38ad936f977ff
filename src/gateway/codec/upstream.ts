/**
 * Frames from clients. A plain `send`, which is nearly all of them, and the members of a batch are read by hand where
 * they lie; everything else goes through the generated code.
 */
import { UpstreamMessage } from '../../gen/aether/v1/gateway.ts';
import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { type LargeSend, readLargeSend } from './large-send.ts';
import { Rope } from './rope.ts';
import { decodeSend, readSend } from './send.ts';
import { sendTag } from './send-fields.ts';
import { type Members, runFrom, type SendRun } from './send-run.ts';
import { Walk } from './walk.ts';

type Payload = NonNullable<UpstreamMessage['payload']>;

/**
 * Sends that came in one frame, read one after the other: runs of those that may be treated as one, the others by
 * themselves. `undefined` for a member that is no `SendMessage`.
 */
export interface UpstreamBatch {
  readonly count: number;
  readonly parts: Iterable<SendRun | SendMessage | undefined>;
}

export type Upstream =
  | Exclude<Payload, { $case: 'sendBatch' }>
  | { readonly $case: 'sendBatch'; readonly value: UpstreamBatch }
  | { readonly $case: 'largeSend'; readonly value: LargeSend }
  | { readonly $case: 'unknown' };

/** `UpstreamMessage.send_batch`, length-delimited: number 1000 takes two bytes. */
const batchTag = [0xc2, 0x3e] as const;
/** `SendBatch.messages`. */
const memberTag = 0x0a;

/** A frame's payload; `unknown` where it has none, or one this program does not know. Throws `INVALID_FRAME`. */
export const decodeUpstream = (frame: Uint8Array | Rope): Upstream =>
  frame instanceof Rope ? decodeRope(frame) : decodeFlat(frame);

const decodeRope = (rope: Rope): Upstream => {
  const value = readLargeSend(rope);
  return value === undefined ? decodeFlat(rope.flat()) : { $case: 'largeSend', value };
};

const decodeFlat = (frame: Uint8Array): Upstream => {
  const read = frame[0] === sendTag ? readWholeSend(frame) : readBatch(frame);
  if (read !== undefined) return read;
  try {
    const { payload } = UpstreamMessage.decode(frame);
    if (payload?.$case !== 'sendBatch') return payload ?? { $case: 'unknown' };
    const { messages } = payload.value;
    return { $case: 'sendBatch', value: { count: messages.length, parts: messages } };
  } catch (cause) {
    throw new FabricError('INVALID_FRAME', 'frame is not an UpstreamMessage', { cause });
  }
};

/** A `send` that fills the frame. */
const readWholeSend = (frame: Uint8Array): Upstream | undefined => {
  const walk = new Walk(frame, 1);
  if (walk.varint() !== frame.byteLength - walk.at || !walk.isUsual) return undefined;
  const send = readSend(frame, walk.at);
  return send && { $case: 'send', value: send };
};

/** A batch that fills the frame. Its members are looked into when their turn comes. */
const readBatch = (frame: Uint8Array): Upstream | undefined => {
  if (frame[0] !== batchTag[0] || frame[1] !== batchTag[1]) return undefined;
  const walk = new Walk(frame, 2);
  if (walk.varint() !== frame.byteLength - walk.at) return undefined;
  const places: number[] = [];
  while (walk.goesOn) {
    walk.isUsual = walk.bytes[walk.at] === memberTag;
    walk.at += 1;
    const bytes = walk.varint();
    places.push(walk.at, walk.at + bytes);
    walk.at += bytes;
  }
  if (!walk.isUsual || walk.at > frame.byteLength) return undefined;
  return { $case: 'sendBatch', value: { count: places.length / 2, parts: partsOf({ bytes: walk.bytes, places }) } };
};

const partsOf = function* (members: Members): Generator<SendRun | SendMessage | undefined> {
  const { bytes, places } = members;
  for (let member = 0; member * 2 < places.length; ) {
    const run = runFrom(members, member);
    yield run ?? decodeSend(bytes.subarray(places[member * 2], places[member * 2 + 1]));
    member += run?.count ?? 1;
  }
};
