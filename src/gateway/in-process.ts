/**
 * Streams within one process: a client and the gateway meet without a network, in the same code as everybody else. The
 * client's end has the shape the SDK calls a transport stream; neither side knows the other's types.
 */
import type { FabricError } from '../model/error.ts';
import type { Code } from '../model/reasons.ts';
import { split } from './call-frame-stream.ts';
import { FrameQueue } from './frame-queue.ts';
import type { FrameStream, StreamEnd } from './frame-stream.ts';
import type { Gateway } from './gateway.ts';

/** How a stream ended, as its client sees it. */
export interface ClientEnd {
  readonly code: 'ok' | Code;
  readonly message: string;
}

/** A client's end of a stream. Frames have no prefix. */
export interface ClientStream {
  /** Groups of frames as they arrive, and at last how the stream ended. */
  read(): AsyncIterator<readonly Uint8Array[], ClientEnd, undefined>;
  /** Hands frames over; `taken` is called once, when there is room for more. One at a time. */
  write(frames: readonly Uint8Array[], taken: () => void): void;
  /** Half-closes. */
  end(): void;
  cancel(): void;
  /** Aborts when the stream has ended. */
  readonly gone: AbortSignal;
}

/** Opens a stream on the gateway. */
export const connectInProcess = (gateway: Gateway): ClientStream => {
  const pair = new Pair();
  void gateway.serve(pair.server);
  return pair.client;
};

/** Nothing has to be paused: who writes is not told that there is room. */
const still = (): void => undefined;

class Pair {
  readonly client: ClientStream;
  readonly server: FrameStream;
  readonly #gone = new AbortController();
  readonly #up: FrameQueue<Uint8Array>;
  readonly #down: FrameQueue<Uint8Array>;
  #clientRoom: (() => void) | undefined;
  #serverRoom: (() => void) | undefined;
  #end: ClientEnd = { code: 'cancelled', message: 'cancelled by the client' };

  constructor() {
    this.#up = new FrameQueue({ pause: still, resume: () => this.#tellClient() });
    this.#down = new FrameQueue({ pause: still, resume: () => this.#tellServer() });
    this.client = {
      read: () => this.#readDown(),
      write: (frames, taken) => this.#writeUp(frames, taken),
      end: () => this.#up.finish('half_closed'),
      cancel: () => this.#finish(this.#end),
      gone: this.#gone.signal,
    };
    this.server = {
      remoteAddress: 'in-process',
      declaredExtensions: [],
      gone: this.#gone.signal,
      read: (options) => this.#up.read(options),
      write: (framed, taken) => this.#writeDown(framed, taken),
      whenReceived: (answered) => this.#answer(answered),
      isThere: () => Promise.resolve(!this.#gone.signal.aborted),
      end: (error) => this.#finish(endOf(error)),
    };
  }

  #writeUp(frames: readonly Uint8Array[], taken: () => void): void {
    this.#up.push(frames);
    if (this.#up.isPaused && !this.#gone.signal.aborted) this.#clientRoom = taken;
    else setImmediate(taken);
  }

  #writeDown(framed: readonly Uint8Array[], taken: () => void): void {
    if (this.#gone.signal.aborted) return taken();
    this.#down.push(framed.flatMap(split));
    if (this.#down.isPaused) this.#serverRoom = taken;
    else setImmediate(taken);
  }

  /** What the client has not taken it has not received. */
  #answer(answered: () => void): void {
    if (!this.#gone.signal.aborted) this.#down.whenTaken(answered);
  }

  #tellClient(): void {
    const room = this.#clientRoom;
    this.#clientRoom = undefined;
    room?.();
  }

  #tellServer(): void {
    const room = this.#serverRoom;
    this.#serverRoom = undefined;
    room?.();
  }

  #finish(end: ClientEnd): void {
    if (this.#gone.signal.aborted) return;
    this.#end = end;
    this.#gone.abort();
    this.#up.finish('gone');
    this.#down.finish('half_closed');
    this.#tellClient();
    this.#tellServer();
  }

  #readDown(): AsyncIterator<readonly Uint8Array[], ClientEnd, undefined> {
    const groups: AsyncGenerator<readonly Uint8Array[], StreamEnd> = this.#down.read({
      signal: new AbortController().signal,
    });
    return {
      next: async () => {
        const { value, done } = await groups.next();
        return done === true ? { done, value: this.#end } : { done: false, value };
      },
    };
  }
}

const endOf = (error: FabricError | undefined): ClientEnd =>
  error === undefined ? { code: 'ok', message: '' } : { code: error.code, message: error.message };
