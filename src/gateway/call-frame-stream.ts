/**
 * A call through grpc-js's public API, for a grpc-js whose inside is not as expected. There is no PING here: what
 * grpc-js has handed to the socket counts as received, so a dead peer's socket buffer can swallow frames (D11).
 */
import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import { endCall, extensionsOf } from './call-metadata.ts';
import { FrameQueue } from './frame-queue.ts';
import type { FrameStream, StreamEnd } from './frame-stream.ts';
import type { ConnectCall } from './grpc-inside.ts';

const prefixBytes = 5;

export class CallFrameStream implements FrameStream {
  readonly remoteAddress: string;
  readonly declaredExtensions: readonly string[];
  readonly #call: ConnectCall;
  readonly #queue: FrameQueue<Uint8Array>;
  readonly #gone = new AbortController();

  constructor(call: ConnectCall, clock: Clock) {
    this.#call = call;
    this.remoteAddress = call.getPeer();
    this.declaredExtensions = extensionsOf(call);
    this.#queue = new FrameQueue({ pause: () => call.pause(), resume: () => call.resume() });
    call.on('data', (frame: Uint8Array) => this.#queue.push([frame]));
    // A cancelled call ends just like a half-closed one; that it is cancelled shows only after this turn.
    call.on('end', () => clock.schedule(0, () => this.#queue.finish(call.cancelled ? 'gone' : 'half_closed')));
    call.on('cancelled', () => this.#lose());
    call.on('error', () => undefined);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  read(options: { readonly signal: AbortSignal }): AsyncGenerator<readonly Uint8Array[], StreamEnd> {
    return this.#queue.read(options);
  }

  write(framed: readonly Uint8Array[], taken: () => void): void {
    const messages = framed.flatMap(split);
    if (messages.length === 0) return taken();
    const last = messages.length - 1;
    for (const [index, message] of messages.entries()) {
      if (index === last) this.#call.write(message, undefined, () => taken());
      else this.#call.write(message);
    }
  }

  whenReceived(answered: () => void): void {
    if (!this.#gone.signal.aborted) setImmediate(answered);
  }

  isThere(): Promise<boolean> {
    return Promise.resolve(!this.#gone.signal.aborted);
  }

  end(error?: FabricError): void {
    endCall(this.#call, error);
  }

  #lose(): void {
    this.#gone.abort();
    this.#queue.finish('gone');
  }
}

/** The messages in a run of framed ones. */
export const split = (framed: Uint8Array): Uint8Array[] => {
  const bytes = Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    if (bytes.byteLength - at < prefixBytes) throw new FabricError('ERR_INTERNAL', 'framed bytes are cut short');
    const end = at + prefixBytes + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + prefixBytes, end));
    at = end;
  }
  return messages;
};
