/**
 * The frame a recipient gets for a message, written once, by hand, when the message is accepted: it is stored and sent
 * as it is (D5). `DownstreamMessage{msg: IncomingMessage{source_topic, payload, message_type, workspace}}`.
 */
import type { LargeSend } from './large-send.ts';
import type { SendRun } from './send-run.ts';
import { varintBytes, writeVarint } from './varint.ts';

const msgTag = 0x0a;
const sourceTag = 0x0a;
const payloadTag = 0x12;
const messageTypeTag = 0x18;
const workspaceTag = 0x22;
const prefixBytes = 5;
const none = Buffer.alloc(0);

/** Fields that are the same in many messages, encoded ahead. */
export interface Stamp {
  readonly source: Uint8Array;
  readonly workspace: Uint8Array;
}

export const stampOf = (source: string, workspace: string): Stamp => ({
  source: textField(sourceTag, source),
  workspace: textField(workspaceTag, workspace),
});

const textField = (tag: number, text: string): Uint8Array => {
  if (text === '') return none;
  const bytes = Buffer.byteLength(text);
  const field = Buffer.allocUnsafe(1 + varintBytes(bytes) + bytes);
  field[0] = tag;
  field.write(text, writeVarint(field, 1, bytes));
  return field;
};

export const encodeDelivery = (stamp: Stamp, payload: Uint8Array, messageType: number): Uint8Array => {
  const inner =
    stamp.source.byteLength +
    (payload.byteLength === 0 ? 0 : 1 + varintBytes(payload.byteLength) + payload.byteLength) +
    (messageType === 0 ? 0 : 1 + varintBytes(messageType)) +
    stamp.workspace.byteLength;
  const frame = Buffer.allocUnsafe(frameBytesOf(inner));
  writeFields(frame, writeHead(frame, 0, inner), { stamp, payload, messageType });
  return frame;
};

/** The frames for all messages of a run, one after the other: each as `encodeDelivery` makes it. */
export const encodeRun = ({ source, workspace }: Stamp, run: SendRun): Uint8Array => {
  const own = source.byteLength + workspace.byteLength;
  let bytes = 0;
  for (let index = 0; index < run.count; index += 1) bytes += frameBytesOf(own + run.bodyBytes(index));
  const frames = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = 0; index < run.count; index += 1) {
    at = writeHead(frames, at, own + run.bodyBytes(index));
    frames.set(source, at);
    at = run.copyBody(index, frames, at + source.byteLength);
    frames.set(workspace, at);
    at += workspace.byteLength;
  }
  return frames;
};

/** The same for one that came in pieces: what lies before its payload, and the payload's pieces with what lies behind. */
export const encodeLarge = (
  { source, workspace }: Stamp,
  { payload, payloadBytes, messageType }: LargeSend,
): { readonly frame: Uint8Array; readonly rest: readonly Uint8Array[] } => {
  const payloadHead = 1 + varintBytes(payloadBytes);
  const tail = Buffer.allocUnsafe(workspace.byteLength + (messageType === 0 ? 0 : 2));
  const inner = source.byteLength + payloadHead + payloadBytes + tail.byteLength;
  const frame = Buffer.allocUnsafe(frameBytesOf(inner) - payloadBytes - tail.byteLength);
  const sourceAt = writeHead(frame, 0, inner);
  frame.set(source, sourceAt);
  frame[sourceAt + source.byteLength] = payloadTag;
  writeVarint(frame, sourceAt + source.byteLength + 1, payloadBytes);
  if (messageType !== 0) tail.set([messageTypeTag, messageType]);
  tail.set(workspace, tail.byteLength - workspace.byteLength);
  return { frame, rest: [...payload, tail] };
};

const frameBytesOf = (inner: number): number => prefixBytes + 1 + varintBytes(inner) + inner;

/** Everything before the fields, of which there are `inner` bytes. Answers with their place. */
const writeHead = (out: Buffer, at: number, inner: number): number => {
  out[at] = 0;
  out.writeUInt32BE(frameBytesOf(inner) - prefixBytes, at + 1);
  out[at + prefixBytes] = msgTag;
  return writeVarint(out, at + prefixBytes + 1, inner);
};

interface Fields {
  readonly stamp: Stamp;
  readonly payload: Uint8Array;
  readonly messageType: number;
}

const writeFields = (frame: Buffer, start: number, { stamp, payload, messageType }: Fields): void => {
  frame.set(stamp.source, start);
  let at = start + stamp.source.byteLength;
  if (payload.byteLength > 0) {
    frame[at] = payloadTag;
    at = writeVarint(frame, at + 1, payload.byteLength);
    frame.set(payload, at);
    at += payload.byteLength;
  }
  if (messageType !== 0) {
    frame[at] = messageTypeTag;
    at = writeVarint(frame, at + 1, messageType);
  }
  frame.set(stamp.workspace, at);
};
