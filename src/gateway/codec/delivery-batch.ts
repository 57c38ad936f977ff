/**
 * Many deliveries in one frame, for streams that negotiated `urn:aether-fabric:batch`. A `DownstreamMessage` that holds
 * nothing but a message is, byte for byte, one element of a `DeliveryBatch`, so a batch is a head and the deliveries
 * without their gRPC prefixes. Whatever else is on its way keeps its place between them.
 */
import { deliveryBatchBytesMax } from '../../model/limits.ts';
import { varintBytes, writeVarint } from './varint.ts';
import { Walk } from './walk.ts';

const prefixBytes = 5;
const msgTag = 0x0a;
/** `DownstreamMessage.delivery_batch`, length-delimited: number 1000 takes two bytes. */
const batchTag = [0xc2, 0x3e] as const;
/** A delivery of this size gains nothing from a copy. */
const memberBytesMax = 16 * 1024;

/** Deliveries that will share a frame. */
class Run {
  readonly #out: Uint8Array[];
  #frames: Uint8Array[] = [];
  #bytes = 0;

  constructor(out: Uint8Array[]) {
    this.#out = out;
  }

  add(frame: Uint8Array): void {
    if (this.#bytes + frame.byteLength > deliveryBatchBytesMax) this.close();
    this.#frames.push(frame);
    this.#bytes += frame.byteLength - prefixBytes;
  }

  close(): void {
    const [first] = this.#frames;
    if (first === undefined) return;
    this.#out.push(this.#frames.length === 1 ? first : batchOf(this.#frames, this.#bytes));
    this.#frames = [];
    this.#bytes = 0;
  }
}

/** The same frames, runs of deliveries as one each. A chunk holds any number of whole frames. */
export const packDeliveries = (chunks: readonly Uint8Array[]): readonly Uint8Array[] => {
  const out: Uint8Array[] = [];
  const run = new Run(out);
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.byteLength; ) {
      const end = at + prefixBytes + bytes.readUInt32BE(at + 1);
      const frame = bytes.subarray(at, end);
      if (isElement(frame)) run.add(frame);
      else {
        run.close();
        out.push(frame);
      }
      at = end;
    }
  }
  run.close();
  return out;
};

/** Whether a frame is a delivery and nothing else. */
const isElement = (frame: Buffer): boolean => {
  if (frame[prefixBytes] !== msgTag || frame[0] !== 0 || frame.byteLength > memberBytesMax) return false;
  const walk = new Walk(frame, prefixBytes + 1);
  const length = walk.varint();
  return walk.isUsual && walk.at + length === frame.byteLength;
};

const batchOf = (frames: readonly Uint8Array[], bytes: number): Uint8Array => {
  const message = batchTag.length + varintBytes(bytes) + bytes;
  const out = Buffer.allocUnsafe(prefixBytes + message);
  out[0] = 0;
  out.writeUInt32BE(message, 1);
  out.set(batchTag, prefixBytes);
  let at = writeVarint(out, prefixBytes + batchTag.length, bytes);
  for (const frame of frames) {
    out.set(frame.subarray(prefixBytes), at);
    at += frame.byteLength - prefixBytes;
  }
  return out;
};
