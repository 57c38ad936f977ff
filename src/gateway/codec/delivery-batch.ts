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

interface Member {
  /** What it lies in. */
  readonly bytes: Buffer;
  /** Of its frame, the prefix included. */
  readonly start: number;
  readonly end: number;
}

/** Deliveries that will share a frame. */
class Run {
  readonly #out: Uint8Array[];
  #members: Member[] = [];
  #bytes = 0;

  constructor(out: Uint8Array[]) {
    this.#out = out;
  }

  add(member: Member): void {
    const bytes = member.end - member.start - prefixBytes;
    if (this.#bytes + bytes > deliveryBatchBytesMax) this.close();
    this.#members.push(member);
    this.#bytes += bytes;
  }

  close(): void {
    const [first] = this.#members;
    if (first === undefined) return;
    this.#out.push(this.#members.length === 1 ? frameOf(first) : batchOf(this.#members, this.#bytes));
    this.#members = [];
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
      end = start + prefixBytes + bytes.readUInt32BE(start + 1);
      const member = { bytes, start, end };
      if (isElement(member)) run.add(member);
      else {
        run.close();
        out.push(frameOf(member));
      }
    }
  }
  run.close();
  return out;
};

const frameOf = ({ bytes, start, end }: Member): Uint8Array => bytes.subarray(start, end);

/** Whether a frame is a delivery and nothing else: the length of its one field takes it to its end. */
const isElement = ({ bytes, start, end }: Member): boolean => {
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

const batchOf = (members: readonly Member[], bytes: number): Uint8Array => {
  const message = batchTag.length + varintBytes(bytes) + bytes;
  const out = Buffer.allocUnsafe(prefixBytes + message);
  out[0] = 0;
  out.writeUInt32BE(message, 1);
  out.set(batchTag, prefixBytes);
  let at = writeVarint(out, prefixBytes + batchTag.length, bytes);
  for (const { bytes: from, start, end } of members) at += from.copy(out, at, start + prefixBytes, end);
  return out;
};
