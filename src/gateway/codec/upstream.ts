/**
 * Frames from clients. A plain `send`, which is nearly all of them, and the members of a batch are read by hand where
 * they lie; everything else goes through the generated code.
 */
import { UpstreamMessage } from '../../gen/aether/v1/gateway.ts';
import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { decodeSend, readSend } from './send.ts';
import { Walk } from './walk.ts';

type Payload = NonNullable<UpstreamMessage['payload']>;

/** Sends that came in one frame, read one after the other; `undefined` for a member that is no `SendMessage`. */
export interface UpstreamBatch {
  readonly count: number;
  readonly messages: Iterable<SendMessage | undefined>;
}

export type Upstream =
  | Exclude<Payload, { $case: 'sendBatch' }>
  | { readonly $case: 'sendBatch'; readonly value: UpstreamBatch }
  | { readonly $case: 'unknown' };

/** `UpstreamMessage.send`, length-delimited. */
const sendTag = 0x12;
/** `UpstreamMessage.send_batch`, length-delimited: number 1000 takes two bytes. */
const batchTag = [0xc2, 0x3e] as const;
/** `SendBatch.messages`. */
const memberTag = 0x0a;

/** A frame's payload; `unknown` where it has none, or one this program does not know. Throws `INVALID_FRAME`. */
export const decodeUpstream = (frame: Uint8Array): Upstream => {
  const read = frame[0] === sendTag ? readWholeSend(frame) : readBatch(frame);
  if (read !== undefined) return read;
  try {
    const { payload } = UpstreamMessage.decode(frame);
    if (payload?.$case !== 'sendBatch') return payload ?? { $case: 'unknown' };
    const { messages } = payload.value;
    return { $case: 'sendBatch', value: { count: messages.length, messages } };
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
  const members: Uint8Array[] = [];
  while (walk.goesOn) {
    walk.isUsual = walk.bytes[walk.at] === memberTag;
    walk.at += 1;
    members.push(walk.slice());
  }
  return walk.isUsual
    ? { $case: 'sendBatch', value: { count: members.length, messages: decodeEach(members) } }
    : undefined;
};

const decodeEach = function* (members: readonly Uint8Array[]): Generator<SendMessage | undefined> {
  for (const member of members) yield decodeSend(member);
};
