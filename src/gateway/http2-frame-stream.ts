import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import { asFabricError, type FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import { endCall, extensionsOf } from './call-metadata.ts';
import { FrameQueue } from './frame-queue.ts';
import { FrameReader } from './frame-reader.ts';
import type { Frame, FrameStream, StreamEnd } from './frame-stream.ts';
import type { ConnectCall, InsideOfCall } from './grpc-inside.ts';
import { Pinger } from './pinger.ts';

/** What a client may send ahead of being read: HTTP/2's default of 64 KiB is slow over long distances. */
const windowBytes = 256 * 1024;

/** Chunks up to this size are copied together; larger ones are written where they lie. */
const joinBytesMax = 32 * 1024;

/** A call, read and written through its HTTP/2 stream. */
export class Http2FrameStream implements FrameStream {
  readonly remoteAddress: string;
  readonly declaredExtensions: readonly string[];
  readonly #call: ConnectCall;
  readonly #stream: ServerHttp2Stream;
  readonly #pinger: Pinger | undefined;
  readonly #queue: FrameQueue<Frame>;
  readonly #gone = new AbortController();

  constructor(call: ConnectCall, { stream, encoding }: InsideOfCall, clock: Clock) {
    this.#call = call;
    this.#stream = stream;
    this.remoteAddress = call.getPeer();
    this.declaredExtensions = extensionsOf(call);
    this.#pinger = stream.session === undefined ? undefined : Pinger.of(stream.session, clock);
    widen(stream.session);
    this.#queue = new FrameQueue({ pause: () => stream.pause(), resume: () => stream.resume() });
    this.#listen(encoding, clock);
    call.sendMetadata(new Metadata());
    stream.resume();
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  read(options: { readonly signal: AbortSignal }): AsyncGenerator<readonly Frame[], StreamEnd> {
    return this.#queue.read(options);
  }

  write(framed: readonly Uint8Array[], taken: () => void): void {
    if (this.#stream.destroyed || this.#stream.writableEnded) return taken();
    const chunks = join(framed);
    const last = chunks.length - 1;
    this.#stream.cork();
    for (const [index, chunk] of chunks.entries()) {
      if (index === last) this.#stream.write(chunk, () => taken());
      else this.#stream.write(chunk);
    }
    this.#stream.uncork();
  }

  whenReceived(answered: () => void): void {
    // The connection may go on answering for others when this stream is closed: what was written to it then was dropped.
    this.#pinger?.ask(() => {
      if (!this.#stream.closed && !this.#stream.destroyed) answered();
    });
  }

  isThere(): Promise<boolean> {
    if (this.#gone.signal.aborted) return Promise.resolve(false);
    return this.#pinger?.isThere() ?? Promise.resolve(false);
  }

  end(error?: FabricError): void {
    endCall(this.#call, error);
  }

  #listen(encoding: string, clock: Clock): void {
    const reader = new FrameReader(encoding);
    const fail = (error: FabricError): void => {
      this.#stream.removeAllListeners('data');
      this.#stream.resume();
      this.#queue.finish(error);
    };
    this.#stream.on('data', (chunk: Buffer) => {
      try {
        this.#queue.push(reader.take(chunk));
      } catch (thrown) {
        fail(asFabricError(thrown));
      }
    });
    // A cancelled stream ends just like a half-closed one; that it is closed too shows only after this turn.
    this.#stream.on('end', () => clock.schedule(0, () => this.#finish(reader)));
    this.#call.on('cancelled', () => this.#lose());
    this.#stream.on('close', () => this.#lose());
    this.#stream.on('error', () => this.#lose());
    this.#call.on('error', () => undefined);
  }

  #finish(reader: FrameReader): void {
    this.#queue.finish(this.#stream.closed || reader.isInside ? 'gone' : 'half_closed');
  }

  #lose(): void {
    this.#gone.abort();
    this.#queue.finish('gone');
  }
}

const widened = new WeakSet<Http2Session>();

const widen = (session: Http2Session | undefined): void => {
  if (session === undefined || widened.has(session)) return;
  widened.add(session);
  session.setLocalWindowSize(windowBytes);
  session.settings({ initialWindowSize: windowBytes });
};

/** The same bytes in few chunks. */
const join = (framed: readonly Uint8Array[]): readonly Uint8Array[] => {
  if (framed.length === 1) return framed;
  const chunks: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    if (small.length > 0) chunks.push(small.length === 1 && small[0] !== undefined ? small[0] : Buffer.concat(small));
    small = [];
  };
  for (const frame of framed) {
    if (frame.byteLength <= joinBytesMax) small.push(frame);
    else {
      flush();
      chunks.push(frame);
    }
  }
  flush();
  return chunks;
};
