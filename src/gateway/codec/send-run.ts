/**
 * Members of a batch that follow each other, go to one topic, and hold a payload and one type and nothing else. Such a
 * run is permitted, encoded and published as one: nothing is made for each of its messages.
 */
import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { deliveryBatchBytesMax } from '../../model/limits.ts';
import { readSend } from './send.ts';
import { payloadTag, targetTag, trailingType } from './send-fields.ts';

/** A message with more gains nothing from company, and goes without being copied where it goes alone. */
const payloadBytesMax = 8 * 1024;

/** Where members of a batch start and end, one after the other, within its frame. */
export interface Members {
  readonly bytes: Buffer;
  readonly places: readonly number[];
}

export class SendRun {
  readonly targetTopic: string;
  readonly messageType: number;
  readonly #bytes: Buffer;
  readonly #places: readonly number[];
  /** Of the topic's field, with which each member begins. */
  readonly #headBytes: number;

  constructor(
    { bytes, places }: Members,
    { targetTopic, messageType, headBytes }: { targetTopic: string; messageType: number; headBytes: number },
  ) {
    this.#bytes = bytes;
    this.#places = places;
    this.#headBytes = headBytes;
    this.targetTopic = targetTopic;
    this.messageType = messageType;
  }

  get count(): number {
    return this.#places.length / 2;
  }

  /** One of its messages by itself. */
  message(index: number): SendMessage | undefined {
    return readSend(this.#bytes.subarray(this.#places[index * 2], this.#places[index * 2 + 1]), 0);
  }

  /** Its messages from one on. */
  from(index: number): SendRun {
    const [bytes, headBytes] = [this.#bytes, this.#headBytes];
    const { targetTopic, messageType } = this;
    return new SendRun({ bytes, places: this.#places.slice(index * 2) }, { targetTopic, messageType, headBytes });
  }

  /** Bytes of the fields of one message other than its topic. */
  bodyBytes(index: number): number {
    return (this.#places[index * 2 + 1] ?? 0) - (this.#places[index * 2] ?? 0) - this.#headBytes;
  }

  /** Copies them and answers with the place behind. */
  copyBody(index: number, out: Buffer, at: number): number {
    const start = (this.#places[index * 2] ?? 0) + this.#headBytes;
    return at + this.#bytes.copy(out, at, start, this.#places[index * 2 + 1]);
  }
}

/** The run that starts with a member, as far as it goes; `undefined` where that one has to be read by itself. */
export const runFrom = ({ bytes, places }: Members, first: number): SendRun | undefined => {
  const [start, end] = [places[first * 2] ?? 0, places[first * 2 + 1] ?? 0];
  const headBytes = fieldEnd(bytes, start, targetTag) - start;
  const messageType = headBytes < 0 ? undefined : typeOf(bytes, start + headBytes, end);
  if (messageType === undefined) return undefined;
  const last = endOfRun({ bytes, places }, { first, headBytes, messageType });
  const lengthBytes = (bytes[start + 1] ?? 0) < 0x80 ? 1 : 2;
  const targetTopic = bytes.toString('utf8', start + 1 + lengthBytes, start + headBytes);
  return new SendRun({ bytes, places: places.slice(first * 2, last * 2) }, { targetTopic, messageType, headBytes });
};

const endOfRun = (
  { bytes, places }: Members,
  { first, headBytes, messageType }: { first: number; headBytes: number; messageType: number },
): number => {
  const head = places[first * 2] ?? 0;
  const limit = head + deliveryBatchBytesMax;
  let member = first + 1;
  for (; member * 2 < places.length; member += 1) {
    const [start, end] = [places[member * 2] ?? 0, places[member * 2 + 1] ?? 0];
    if (end > limit || !isSame(bytes, { head, start, length: headBytes })) break;
    if (typeOf(bytes, start + headBytes, end) !== messageType) break;
  }
  return member;
};

const isSame = (bytes: Buffer, { head, start, length }: { head: number; start: number; length: number }): boolean => {
  for (let at = 0; at < length; at += 1) if (bytes[head + at] !== bytes[start + at]) return false;
  return true;
};

/** The type of a message whose topic lies before `at`, if nothing but a payload and a type follow. */
const typeOf = (bytes: Buffer, at: number, end: number): number | undefined => {
  const payloadEnd = fieldEnd(bytes, at, payloadTag);
  if (payloadEnd === none || payloadEnd > end || payloadEnd - at > payloadBytesMax) return undefined;
  return trailingType(bytes, payloadEnd, end);
};

const none = -1;

/** Where a length-delimited field of less than 16 KiB ends, if it starts with this tag. */
const fieldEnd = (bytes: Buffer, at: number, tag: number): number => {
  if (bytes[at] !== tag) return none;
  const low = bytes[at + 1] ?? 0;
  if (low < 0x80) return at + 2 + low;
  const high = bytes[at + 2] ?? 0x80;
  return high < 0x80 ? at + 3 + (low & 0x7f) + (high << 7) : none;
};
