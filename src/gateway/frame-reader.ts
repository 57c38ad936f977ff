/**
 * Takes a gRPC message stream apart: a flag, a length of four bytes, the message, and again. Messages that lie whole in
 * a chunk are handed on where they lie; one that spans chunks is put together once, or left in its pieces if it is large.
 */
import { gunzipSync, inflateSync } from 'node:zlib';
import { FabricError } from '../model/error.ts';
import { frameBytesMax } from '../model/limits.ts';
import { Rope } from './codec/rope.ts';
import type { Frame } from './frame-stream.ts';

const prefixBytes = 5;

/** From this size on a message stays in the pieces it came in. */
const ropeBytesMin = 64 * 1024;

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
  take(chunk: Buffer): readonly Frame[] {
    this.#bytes += chunk.byteLength;
    this.#chunks.push(chunk);
    if (this.#bytes < this.#needed) return [];
    if (this.#chunks.length === 1) return this.#takeApart(chunk);
    return this.#needed < ropeBytesMin ? this.#takeApart(Buffer.concat(this.#chunks)) : this.#takeRope(chunk);
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#bytes > 0;
  }

  /** The last of the chunks ends a message that is large, and may begin the next. */
  #takeRope(last: Buffer): readonly Frame[] {
    const whole = new Rope(this.#chunks);
    const flag = whole.pieces[0]?.[0] ?? 0;
    const rope = new Rope(whole.between(prefixBytes, this.#needed));
    const rest = last.subarray(last.byteLength - (this.#bytes - this.#needed));
    this.#bytes = rest.byteLength;
    const first = flag === 0 ? rope : this.#plain(flag, rope.flat());
    return [first, ...this.#takeApart(rest)];
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
