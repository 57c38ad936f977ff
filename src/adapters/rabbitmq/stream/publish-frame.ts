/**
 * Publish frames. Many small entries go into one frame and one buffer; the parts of a large entry go to the socket as
 * they are, without being copied. (Copying 16 KiB costs about as much as one more buffer in a `writev`.)
 */
import { messageHeadBytes, writeMessageHead } from './amqp-message.ts';
import { frameKey } from './stream-frames.ts';

export interface OutgoingEntry {
  readonly publishingId: number;
  readonly parts: readonly Uint8Array[];
  /** Of all parts. */
  readonly bytes: number;
}

/** Size field, key, version, publisher id and count. */
const frameHeadBytes = 4 + 2 + 2 + 1 + 4;
/** Publishing id and size. */
const entryHeadBytes = 8 + 4;
const copiedBytesMax = 16 * 1024;

/** What an entry takes in a frame. */
export const entryBytes = (bytes: number): number => entryHeadBytes + messageHeadBytes(bytes) + bytes;

/** Of a frame that holds one entry of `bytes`, without its size field: what a broker compares with `frame_max`. */
export const loneFrameBytes = (bytes: number): number => frameHeadBytes - 4 + entryBytes(bytes);

/** One frame with these entries, as the buffers to be written one after the other. */
export const encodePublish = (publisherId: number, entries: readonly OutgoingEntry[]): Uint8Array[] => {
  const frame = new FrameBuffers(entries);
  const total = entries.reduce((sum, { bytes }) => sum + entryBytes(bytes), frameHeadBytes);
  frame.head(publisherId, { count: entries.length, bytes: total - 4 });
  for (const entry of entries) frame.add(entry);
  return frame.close();
};

/** Writes entries in frames that hold as many as fit into `frameBytes`, or one that is larger. */
export class PublishFrames {
  readonly #publisherId: number;
  readonly #frameBytes: number;
  readonly #write: (buffers: readonly Uint8Array[]) => void;
  #entries: OutgoingEntry[] = [];
  #bytes = 0;

  constructor(publisherId: number, frameBytes: number, write: (buffers: readonly Uint8Array[]) => void) {
    this.#publisherId = publisherId;
    this.#frameBytes = frameBytes;
    this.#write = write;
  }

  add(entry: OutgoingEntry): void {
    const bytes = entryBytes(entry.bytes);
    if (this.#bytes + bytes > this.#frameBytes) this.close();
    this.#entries.push(entry);
    this.#bytes += bytes;
  }

  /** Writes what is left. */
  close(): void {
    if (this.#entries.length > 0) this.#write(encodePublish(this.#publisherId, this.#entries));
    this.#entries = [];
    this.#bytes = 0;
  }
}

const isCopied = ({ bytes }: OutgoingEntry): boolean => bytes <= copiedBytesMax;

/** One buffer for all that is copied, cut where a part goes in between. */
class FrameBuffers {
  readonly #buffers: Uint8Array[] = [];
  readonly #copied: Buffer;
  #from = 0;
  #at = 0;

  constructor(entries: readonly OutgoingEntry[]) {
    let bytes = frameHeadBytes;
    for (const entry of entries)
      bytes += isCopied(entry) ? entryBytes(entry.bytes) : entryBytes(entry.bytes) - entry.bytes;
    this.#copied = Buffer.allocUnsafe(bytes);
  }

  head(publisherId: number, { count, bytes }: { readonly count: number; readonly bytes: number }): void {
    const buffer = this.#copied;
    buffer.writeUInt32BE(bytes, 0);
    buffer.writeUInt16BE(frameKey.publish, 4);
    buffer.writeUInt16BE(1, 6);
    buffer[8] = publisherId;
    this.#at = buffer.writeUInt32BE(count, 9);
  }

  add(entry: OutgoingEntry): void {
    const buffer = this.#copied;
    buffer.writeUInt32BE(Math.floor(entry.publishingId / 0x1_0000_0000), this.#at);
    buffer.writeUInt32BE(entry.publishingId >>> 0, this.#at + 4);
    buffer.writeUInt32BE(messageHeadBytes(entry.bytes) + entry.bytes, this.#at + 8);
    this.#at = writeMessageHead(buffer, this.#at + entryHeadBytes, entry.bytes);
    if (isCopied(entry)) for (const part of entry.parts) this.#copy(part);
    else this.#insert(entry.parts);
  }

  close(): Uint8Array[] {
    if (this.#at > this.#from) this.#buffers.push(this.#copied.subarray(this.#from, this.#at));
    return this.#buffers;
  }

  #copy(part: Uint8Array): void {
    this.#copied.set(part, this.#at);
    this.#at += part.byteLength;
  }

  #insert(parts: readonly Uint8Array[]): void {
    this.#buffers.push(this.#copied.subarray(this.#from, this.#at));
    this.#from = this.#at;
    for (const part of parts) if (part.byteLength > 0) this.#buffers.push(part);
  }
}
