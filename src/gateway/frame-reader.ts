/**
 * Takes a gRPC message stream apart: a flag, a length of four bytes, the message, and again. Messages that lie whole in
 * a chunk are handed on where they lie; one that spans chunks is put together once.
 */
import { gunzipSync, inflateSync } from 'node:zlib';
import { FabricError } from '../model/error.ts';
import { frameBytesMax } from '../model/limits.ts';

const prefixBytes = 5;

export class FrameReader {
  readonly #encoding: string;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes needed before anything can be taken off: a prefix, or a prefix and its message. */
  #needed = prefixBytes;

  /** `encoding` is the call's `grpc-encoding`: how messages flagged as compressed are. */
  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  /** Takes a chunk and answers with the messages it completes. Throws `FRAME_TOO_LARGE` and `INVALID_FRAME`. */
  take(chunk: Buffer): readonly Uint8Array[] {
    this.#bytes += chunk.byteLength;
    this.#chunks.push(chunk);
    if (this.#bytes < this.#needed) return [];
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    return this.#takeApart(data);
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#bytes > 0;
  }

  #takeApart(data: Buffer): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    this.#needed = prefixBytes;
    while (data.byteLength - at >= prefixBytes) {
      const messageBytes = data.readUInt32BE(at + 1);
      if (messageBytes > frameBytesMax)
        throw new FabricError(
          'FRAME_TOO_LARGE',
          `frame of ${messageBytes} bytes exceeds the maximum of ${frameBytesMax}`,
        );
      this.#needed = prefixBytes + messageBytes;
      if (data.byteLength - at < this.#needed) break;
      messages.push(this.#plain(data[at] ?? 0, data.subarray(at + prefixBytes, at + this.#needed)));
      at += this.#needed;
      this.#needed = prefixBytes;
    }
    this.#chunks = at === data.byteLength ? [] : [data.subarray(at)];
    this.#bytes = data.byteLength - at;
    return messages;
  }

  #plain(flag: number, message: Buffer): Uint8Array {
    if (flag === 0) return message;
    if (flag !== 1) throw new FabricError('INVALID_FRAME', `gRPC message with flag ${flag}`);
    return decompress(message, this.#encoding);
  }
}

const decompress = (message: Buffer, encoding: string): Uint8Array => {
  try {
    const options = { maxOutputLength: frameBytesMax };
    if (encoding === 'gzip') return gunzipSync(message, options);
    if (encoding === 'deflate') return inflateSync(message, options);
  } catch (cause) {
    const tooLarge = cause instanceof RangeError;
    throw new FabricError(tooLarge ? 'FRAME_TOO_LARGE' : 'INVALID_FRAME', 'frame could not be decompressed', { cause });
  }
  throw new FabricError('INVALID_FRAME', `frame compressed with unsupported encoding "${encoding}"`);
};
