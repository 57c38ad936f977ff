/**
 * Many sends in one frame, for connections on which the gateway knows how. A frame that holds a message and nothing else
 * becomes an element of the batch by another first byte; whatever else is sent keeps its place between them.
 */
import { sendBatchBytesMax, sendBatchMessagesMax } from './limits.ts';

/** `UpstreamMessage.send` and `SendBatch.messages`. */
const sendTag = 0x12;
const memberTag = 0x0a;
/** `UpstreamMessage.send_batch`, whose number takes two bytes. */
const batchTag = [0xc2, 0x3e] as const;
/** A message of this size gains nothing from a copy. */
const memberBytesMax = 16 * 1024;

/** Sends that will share a frame. */
class Run {
  readonly #out: Uint8Array[];
  #frames: Uint8Array[] = [];
  #bytes = 0;

  constructor(out: Uint8Array[]) {
    this.#out = out;
  }

  add(frame: Uint8Array): void {
    if (this.#bytes + frame.byteLength > sendBatchBytesMax || this.#frames.length === sendBatchMessagesMax)
      this.close();
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
  }

  close(): void {
    const [first] = this.#frames;
    if (first === undefined) return;
    this.#out.push(this.#frames.length === 1 ? first : batchOf(this.#frames, this.#bytes));
    this.#frames = [];
    this.#bytes = 0;
  }
}

/** The same frames, runs of sends as one each. */
export const packSends = (frames: readonly Uint8Array[]): readonly Uint8Array[] => {
  if (frames.length === 1) return frames;
  const out: Uint8Array[] = [];
  const run = new Run(out);
  for (const frame of frames) {
    if (frame[0] === sendTag && frame.byteLength <= memberBytesMax) run.add(frame);
    else {
      run.close();
      out.push(frame);
    }
  }
  run.close();
  return out;
};

const batchOf = (frames: readonly Uint8Array[], bytes: number): Uint8Array => {
  const length = varint(bytes);
  const out = new Uint8Array(batchTag.length + length.length + bytes);
  out.set(batchTag);
  out.set(length, batchTag.length);
  let at = batchTag.length + length.length;
  for (const frame of frames) {
    out.set(frame, at);
    out[at] = memberTag;
    at += frame.byteLength;
  }
  return out;
};

const varint = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
