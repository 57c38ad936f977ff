/**
 * Takes a gRPC message stream apart: a flag, a length of four bytes, the message, and again. Messages that lie whole in
 * a chunk are handed on where they lie; one that spans chunks is put together once.
 */
import { gunzipSync, inflateSync } from 'node:zlib';
import { failure } from '../error.ts';
import { frameBytesMax } from '../limits.ts';

const prefixBytes = 5;

export class FrameReader {
  readonly #encoding: string;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes needed before anything can be taken off: a prefix, or a prefix and its message. */
  #needed = prefixBytes;

  /** `encoding` is the stream's `grpc-encoding`: how messages flagged as compressed are. */
  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  /** Takes a chunk and answers with the messages it completes. Throws where they cannot be read. */
  take(chunk: Buffer): readonly Uint8Array[] {
    this.#bytes += chunk.byteLength;
    this.#chunks.push(chunk);
    if (this.#bytes < this.#needed) return [];
    return this.#takeApart(this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks));
  }

  #takeApart(data: Buffer): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    this.#needed = prefixBytes;
    while (data.byteLength - at >= prefixBytes) {
      const messageBytes = data.readUInt32BE(at + 1);
      if (messageBytes > frameBytesMax)
        throw failure('INVALID_FRAME', `the gateway sent ${messageBytes} bytes, at most ${frameBytesMax} are read`);
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
    if (flag === 1 && this.#encoding === 'gzip') return gunzipSync(message, { maxOutputLength: frameBytesMax });
    if (flag === 1 && this.#encoding === 'deflate') return inflateSync(message, { maxOutputLength: frameBytesMax });
    throw failure('INVALID_FRAME', `the gateway sent a message with flag ${flag} and encoding "${this.#encoding}"`);
  }
}

/** Small frames are copied together, larger ones are written where they lie. */
const joinBytesMax = 32 * 1024;

const prefixOf = (frame: Uint8Array): Buffer => {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(frame.byteLength, 1);
  return prefix;
};

/** The frames as a gRPC message stream, in few chunks. */
export const toMessageStream = (frames: readonly Uint8Array[]): readonly Uint8Array[] => {
  const chunks: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    if (small.length > 0) chunks.push(Buffer.concat(small));
    small = [];
  };
  for (const frame of frames) {
    small.push(prefixOf(frame));
    if (frame.byteLength <= joinBytesMax) small.push(frame);
    else {
      flush();
      chunks.push(frame);
    }
  }
  flush();
  return chunks;
};
