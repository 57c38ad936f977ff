/**
 * Many deliveries in one frame, for streams that negotiated `urn:aether-fabric:batch`. A `DownstreamMessage` that holds
 * nothing but a message is, byte for byte, one element of a `DeliveryBatch`, so a batch is a head and the deliveries
 * without their gRPC prefixes. Whatever else is on its way keeps its place between them.
 */
import { deliveryBatchBytesMax } from '../../model/limits.ts';
import { varintBytes, writeVarint } from './varint.ts';

const prefixBytes = 5;
const msgTag = 0x0a;
/** `DownstreamMessage.delivery_batch`, length-delimited: number 1000 takes two bytes. */
const batchTag = [0xc2, 0x3e] as const;
/** A delivery of this size gains nothing from a copy. */
const memberBytesMax = 16 * 1024;

/** Frames that lie one after the other, deliveries all of them. */
interface Stretch {
  readonly bytes: Buffer;
  readonly start: number;
  end: number;
}

/** Deliveries that will share a frame. */
class Run {
  readonly #out: Uint8Array[];
  #stretches: Stretch[] = [];
  #deliveries = 0;
  #bytes = 0;

  constructor(out: Uint8Array[]) {
    this.#out = out;
  }

  add(bytes: Buffer, start: number, end: number): void {
    const elementBytes = end - start - prefixBytes;
    if (this.#bytes + elementBytes > deliveryBatchBytesMax) this.close();
    const last = this.#stretches.at(-1);
    if (last?.bytes === bytes && last.end === start) last.end = end;
    else this.#stretches.push({ bytes, start, end });
    this.#deliveries += 1;
    this.#bytes += elementBytes;
  }

  close(): void {
    const [first] = this.#stretches;
    if (first === undefined) return;
    const isAlone = this.#deliveries === 1;
    this.#out.push(isAlone ? first.bytes.subarray(first.start, first.end) : batchOf(this.#stretches, this.#bytes));
    this.#stretches = [];
    this.#deliveries = 0;
    this.#bytes = 0;
  }
}

/** The same frames, runs of deliveries as one each. A chunk holds any number of whole frames. */
export const packDeliveries = (chunks: readonly Uint8Array[]): readonly Uint8Array[] => {
  const out: Uint8Array[] = [];
  const run = new Run(out);
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0, end = 0; start < bytes.byteLength; start = end) {
      end = frameEnd(bytes, start);
      if (isElement(bytes, start, end)) run.add(bytes, start, end);
      else {
        run.close();
        out.push(bytes.subarray(start, end));
      }
    }
  }
  run.close();
  return out;
};

const frameEnd = (bytes: Buffer, start: number): number => start + prefixBytes + bytes.readUInt32BE(start + 1);

/** Whether a frame is a delivery and nothing else: the length of its one field takes it to its end. */
const isElement = (bytes: Buffer, start: number, end: number): boolean => {
  if (bytes[start] !== 0 || bytes[start + prefixBytes] !== msgTag || end - start > memberBytesMax) return false;
  let at = start + prefixBytes + 1;
  let length = 0;
  for (let shift = 0; shift < 28 && at < end; shift += 7) {
    const byte = bytes.readUInt8(at);
    at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return at + length === end;
};

const batchOf = (stretches: readonly Stretch[], elementsBytes: number): Uint8Array => {
  const message = batchTag.length + varintBytes(elementsBytes) + elementsBytes;
  const out = Buffer.allocUnsafe(prefixBytes + message);
  out[0] = 0;
  out.writeUInt32BE(message, 1);
  out.set(batchTag, prefixBytes);
  let at = writeVarint(out, prefixBytes + batchTag.length, elementsBytes);
  for (const { bytes, start, end } of stretches)
    for (let from = start, to = from; from < end; from = to) {
      to = frameEnd(bytes, from);
      at += bytes.copy(out, at, from + prefixBytes, to);
    }
  return out;
};
