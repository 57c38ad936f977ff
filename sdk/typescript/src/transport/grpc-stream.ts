/**
 * One `Connect` call as a stream of frames. It ends once both is known: the status, which grpc-js tells, and that all
 * that arrived has been read; a status that comes early does not cut off frames that came before it.
 */
import type { ClientHttp2Stream } from 'node:http2';
import type { Writable } from 'node:stream';
import type { Metadata, StatusObject } from '@grpc/grpc-js';
import { messageOf } from '../error.ts';
import { FrameQueue } from './frame-queue.ts';
import { FrameReader, toMessageStream } from './frame-reader.ts';
import type { ConnectCall, takeHttp2Stream } from './grpc-inside.ts';
import { codeOf } from './grpc-status.ts';
import type { StreamEnd, TransportStream } from './transport.ts';

export interface GrpcStreamDeps {
  readonly inside: typeof takeHttp2Stream;
  /** Gives back what the call used. */
  readonly release: () => void;
  /** Called where grpc-js is not as expected inside. */
  readonly onPublicOnly: () => void;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export class GrpcStream implements TransportStream {
  readonly #call: ConnectCall;
  readonly #deps: GrpcStreamDeps;
  readonly #queue: FrameQueue;
  readonly #gone = new AbortController();
  /** Where frames are read from and, after the first write, written to; the call itself until it has answered. */
  #stream: ClientHttp2Stream | ConnectCall;
  #http2: ClientHttp2Stream | undefined;
  #hasBegun = false;
  #isReadOut = false;
  #status: StreamEnd | undefined;
  #taken: (() => void) | undefined;

  constructor(call: ConnectCall, deps: GrpcStreamDeps) {
    this.#call = call;
    this.#stream = call;
    this.#deps = deps;
    this.#queue = new FrameQueue({
      pause: () => {
        if (this.#status === undefined) this.#stream.pause();
      },
      resume: () => void this.#stream.resume(),
    });
    call.on('metadata', (metadata) => this.#begin(metadata));
    call.on('status', (status) => this.#learnStatus(status));
    call.on('error', () => undefined);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  read(): AsyncIterator<readonly Uint8Array[], StreamEnd, undefined> {
    return this.#queue;
  }

  write(frames: readonly Uint8Array[], taken: () => void): void {
    this.#taken = taken;
    const stream: Writable = this.#http2 ?? this.#call;
    if (this.#gone.signal.aborted || stream.writableEnded || stream.destroyed) return this.#take();
    const chunks = this.#http2 === undefined ? frames.map(asBuffer) : toMessageStream(frames);
    const last = chunks.length - 1;
    stream.cork();
    for (const [index, chunk] of chunks.entries()) {
      if (index === last) stream.write(chunk, () => this.#take());
      else stream.write(chunk);
    }
    stream.uncork();
  }

  end(): void {
    (this.#http2 ?? this.#call).end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  #take(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  #begin(metadata: Metadata): void {
    this.#hasBegun = true;
    this.#http2 = this.#deps.inside(this.#call);
    if (this.#http2 === undefined) return this.#readCall();
    this.#readStream(this.#http2, metadata.get('grpc-encoding')[0]?.toString() ?? 'identity');
  }

  #readStream(stream: ClientHttp2Stream, encoding: string): void {
    this.#stream = stream;
    const reader = new FrameReader(encoding);
    const take = (chunk: Buffer): void => {
      try {
        this.#queue.push(reader.take(chunk));
      } catch (thrown) {
        stream.off('data', take);
        this.#fail({ code: 'internal', message: messageOf(thrown) });
      }
    };
    stream.on('data', take);
    stream.once('end', () => this.#learnReadOut());
    stream.once('close', () => {
      stream.off('data', take);
      // A stream that broke emits no more data, but still has what had arrived.
      for (let chunk = readChunk(stream); chunk !== undefined; chunk = readChunk(stream)) take(chunk);
      this.#learnReadOut();
    });
    stream.resume();
  }

  #readCall(): void {
    this.#deps.onPublicOnly();
    this.#call.on('data', (frame: Uint8Array) => this.#queue.push([frame]));
    this.#call.once('end', () => this.#learnReadOut());
    this.#call.once('close', () => this.#learnReadOut());
  }

  /** What arrives cannot be understood. */
  #fail(end: StreamEnd): void {
    this.#status ??= end;
    this.#call.cancel();
  }

  #learnStatus({ code, details }: StatusObject): void {
    // grpc-js leaves room for a note at the end of a failed connect, and mostly has none.
    this.#status ??= { code: codeOf(code), message: details.replace(/\.? Resolution note: $/, '') };
    this.#gone.abort(this.#status);
    if (this.#hasBegun) this.#stream.resume();
    else this.#isReadOut = true;
    this.#finishWhenComplete();
  }

  #learnReadOut(): void {
    this.#isReadOut = true;
    this.#finishWhenComplete();
  }

  #finishWhenComplete(): void {
    if (this.#status === undefined || !this.#isReadOut) return;
    this.#queue.finish(this.#status);
    this.#take();
    this.#deps.release();
  }
}

const readChunk = (stream: ClientHttp2Stream): Buffer | undefined => {
  const chunk: unknown = stream.read();
  return chunk instanceof Buffer ? chunk : undefined;
};
