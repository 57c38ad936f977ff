/** A `SendMessage`, read by hand where it lies if it holds nothing unusual, without copying its payload (D5). */
import { SendMessage } from '../../gen/aether/v1/message.ts';
import { messageTypeTag, payloadTag, targetTag } from './send-fields.ts';
import { Walk } from './walk.ts';

/** `SendMessage.message_id`, whose number takes two bytes. */
const messageIdTag = [0xc2, 0x3e] as const;
const nothing = Buffer.alloc(0);

/** One with target, payload, type and id only, from `at` to the end of the bytes; `undefined` for any other. */
export const readSend = (bytes: Uint8Array, at: number): SendMessage | undefined => {
  const walk = new Walk(bytes, at);
  const send: SendMessage = {
    targetTopic: '',
    payload: nothing,
    messageType: 0,
    authorization: undefined,
    appWorkspace: '',
    checkedAccess: undefined,
    authorityContinuation: undefined,
    messageId: '',
    ttlMs: 0n,
    deliverAtUnixMs: 0n,
    delayMs: 0n,
  };
  while (walk.goesOn) readField(walk, send);
  return walk.isUsual ? send : undefined;
};

/** Any; `undefined` where the bytes are none. */
export const decodeSend = (bytes: Uint8Array): SendMessage | undefined => {
  const read = readSend(bytes, 0);
  if (read !== undefined) return read;
  try {
    return SendMessage.decode(bytes);
  } catch {
    return undefined;
  }
};

const readField = (walk: Walk, send: SendMessage): void => {
  const tag = walk.bytes[walk.at];
  walk.at += 1;
  if (tag === targetTag) send.targetTopic = walk.slice().toString('utf8');
  else if (tag === payloadTag) send.payload = walk.slice();
  else if (tag === messageTypeTag) readMessageType(walk, send);
  else if (tag === messageIdTag[0] && walk.bytes[walk.at] === messageIdTag[1]) {
    walk.at += 1;
    send.messageId = walk.slice().toString('utf8');
  } else walk.isUsual = false;
};

const readMessageType = (walk: Walk, send: SendMessage): void => {
  const value = walk.varint();
  if (value === 0 || value === 1 || value === 2 || value === 3 || value === 4 || value === 5 || value === 6)
    send.messageType = value;
  else walk.isUsual = false;
};
