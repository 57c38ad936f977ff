/**
 * The answer to an operation on one key, written by hand in one piece, since there are as many as operations:
 * `DownstreamMessage{kv: KVResponse{success, value, request_id, counter_value, applied}}`, framed.
 */
import type { KvOutcome } from '../../kv/kv.ts';
import { encodeDownstream } from './downstream.ts';
import { outcomeResponse } from './kv.ts';
import { varintBytes, writeVarint } from './varint.ts';

const kvTag = 0x2a;
const successTag = 0x08;
const valueTag = 0x12;
const requestIdTag = 0x2a;
const counterTag = 0x30;
const appliedTag = 0x38;
const prefixBytes = 5;
/** Others take more than 32 bits as varints, and are left to the generated code. */
const counterMax = 0x7fff_ffffn;

export const encodeOutcome = (outcome: KvOutcome, requestId: string): Uint8Array => {
  const { value = nothing, count = 0n, applied } = outcome;
  if (count < 0n || count > counterMax)
    return encodeDownstream({ $case: 'kv', value: outcomeResponse(outcome, requestId) });
  const counter = Number(count);
  const idBytes = Buffer.byteLength(requestId);
  const inner =
    2 +
    delimited(value.byteLength) +
    delimited(idBytes) +
    (counter === 0 ? 0 : 1 + varintBytes(counter)) +
    (applied ? 2 : 0);
  const message = 1 + varintBytes(inner) + inner;
  const frame = Buffer.allocUnsafe(prefixBytes + message);
  frame[0] = 0;
  frame.writeUInt32BE(message, 1);
  let at = writeField(frame, writeField(frame, prefixBytes, kvTag, inner), successTag, 1);
  if (value.byteLength > 0) {
    at = writeField(frame, at, valueTag, value.byteLength);
    frame.set(value, at);
    at += value.byteLength;
  }
  if (idBytes > 0) {
    at = writeField(frame, at, requestIdTag, idBytes);
    at += frame.write(requestId, at);
  }
  if (counter !== 0) at = writeField(frame, at, counterTag, counter);
  if (applied) writeField(frame, at, appliedTag, 1);
  return frame;
};

const nothing = new Uint8Array();

/** What a field of so many bytes takes up; one that is empty is left out. */
const delimited = (bytes: number): number => (bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes);

/** A field's tag, and its number or length. */
const writeField = (frame: Buffer, at: number, tag: number, value: number): number => {
  frame[at] = tag;
  return writeVarint(frame, at + 1, value);
};
