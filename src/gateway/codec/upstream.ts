/**
 * Frames from clients. A plain `send`, which is nearly all of them, is read by hand where it lies, without copying its
 * payload (D5); everything else goes through the generated code.
 */
import { UpstreamMessage } from '../../gen/aether/v1/gateway.ts';
import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';

export type Upstream = NonNullable<UpstreamMessage['payload']> | { readonly $case: 'unknown' };

/** `UpstreamMessage.send`, length-delimited. */
const sendTag = 0x12;
const targetTag = 0x0a;
const payloadTag = 0x12;
const messageTypeTag = 0x18;
const nothing = Buffer.alloc(0);

/** A frame's payload; `unknown` where it has none, or one this program does not know. Throws `INVALID_FRAME`. */
export const decodeUpstream = (frame: Uint8Array): Upstream => {
  const send = frame[0] === sendTag ? readSend(frame) : undefined;
  if (send !== undefined) return { $case: 'send', value: send };
  try {
    return UpstreamMessage.decode(frame).payload ?? { $case: 'unknown' };
  } catch (cause) {
    throw new FabricError('INVALID_FRAME', 'frame is not an UpstreamMessage', { cause });
  }
};

/** Walks the fields of a message; stops for good at anything unusual. */
class Walk {
  readonly bytes: Buffer;
  at: number;
  isUsual = true;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** A varint of up to 28 bits. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.isUsual = false;
    return 0;
  }

  slice(): Buffer {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.byteLength) this.isUsual = false;
    const slice = this.bytes.subarray(this.at, end);
    this.at = end;
    return slice;
  }
}

/** A `send` with target, payload and type only, filling the frame; `undefined` for any other. */
const readSend = (frame: Uint8Array): SendMessage | undefined => {
  const walk = new Walk(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), 1);
  if (walk.varint() !== frame.byteLength - walk.at) return undefined;
  const send: SendMessage = {
    targetTopic: '',
    payload: nothing,
    messageType: 0,
    authorization: undefined,
    appWorkspace: '',
    checkedAccess: undefined,
    authorityContinuation: undefined,
  };
  while (walk.at < frame.byteLength && walk.isUsual) readField(walk, send);
  return walk.isUsual ? send : undefined;
};

const readField = (walk: Walk, send: SendMessage): void => {
  const tag = walk.bytes[walk.at];
  walk.at += 1;
  if (tag === targetTag) send.targetTopic = walk.slice().toString('utf8');
  else if (tag === payloadTag) send.payload = walk.slice();
  else if (tag === messageTypeTag) readMessageType(walk, send);
  else walk.isUsual = false;
};

const readMessageType = (walk: Walk, send: SendMessage): void => {
  const value = walk.varint();
  if (value === 0 || value === 1 || value === 2 || value === 3 || value === 4 || value === 5 || value === 6)
    send.messageType = value;
  else walk.isUsual = false;
};
