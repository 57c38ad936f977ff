/**
 * A client's connection to a gateway, both ends of it. Towards the client there is a window as in HTTP/2: bytes leave the
 * gateway while it has room, and only a client that reads makes room again. A PING is not held up by the window, so it
 * answers for what has left and no more. Either side may be gone without the other hearing of it.
 */

import { split } from '../../src/gateway/call-frame-stream.ts';
import { FrameQueue } from '../../src/gateway/frame-queue.ts';
import type { FrameStream, StreamEnd } from '../../src/gateway/frame-stream.ts';
import type { FabricError } from '../../src/model/error.ts';
import type { Code } from '../../src/model/reasons.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { Pipe } from './pipe.ts';
import type { Random } from './random.ts';
import type { SimProcess } from './sim-process.ts';

export interface ClientEnd {
  /** Who says so. */
  readonly by: 'gateway' | 'transport' | 'client';
  readonly code: 'ok' | Code;
  readonly message: string;
}

export interface ConnectionDeps {
  readonly gateway: { readonly process: SimProcess; readonly clock: Clock };
  readonly client: SimProcess;
  readonly random: Random;
  readonly latencyMs: number;
  readonly windowBytes: number;
  readonly listener: ConnectionListener;
}

/** The client's side of it. */
export interface ConnectionListener {
  /** A frame is there, in the client's transport. */
  onFrame(frame: Uint8Array): void;
  onEnd(end: ClientEnd): void;
  /** The gateway has taken the client's first `frames` frames. */
  onTaken(frames: number): void;
}

type Leaving =
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'taken'; readonly taken: () => void }
  | { readonly kind: 'end'; readonly end: ClientEnd };

/** When a transport gives up on a peer that does not answer, at the latest. */
const keepaliveMs = 30_000;
const pingEveryMs = 20;
const isThereTimeoutMs = 2000;
const still = (): void => undefined;

export class SimConnection {
  readonly server: FrameStream;
  readonly #deps: ConnectionDeps;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #gone = new AbortController();
  readonly #queue = new FrameQueue<Uint8Array>({ pause: still, resume: still });
  readonly #leaving: Leaving[] = [];
  /** Left the gateway and not made room for yet. */
  #windowBytes = 0;
  #unreadBytes = 0;
  #isReading = true;
  #clientEnded = false;
  #unreadEnd: ClientEnd | undefined;
  #takenFrames = 0;
  #asked: (() => void)[] = [];
  #isPinging = false;
  #lastPingMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
    this.#up = new Pipe(deps.gateway.process, deps.random, deps.latencyMs);
    this.#down = new Pipe(deps.client, deps.random, deps.latencyMs);
    this.server = {
      remoteAddress: deps.client.name,
      declaredExtensions: [],
      gone: this.#gone.signal,
      read: (options) => this.#read(options),
      write: (framed, taken) => this.#write(framed, taken),
      whenReceived: (answered) => this.#ask(answered),
      isThere: () => this.#isThere(),
      end: (error) => this.#leave({ kind: 'end', end: endOf(error) }),
    };
  }

  /** Whether a question whether the client is there would have been answered at any time since. */
  wasResponsiveSince(ms: number): boolean {
    const { gateway, client } = this.#deps;
    const isUp = client.isRunning && gateway.process.isRunning && gateway.process.resumedAtMs < ms;
    return isUp && !this.#clientEnded && !this.#gone.signal.aborted && this.#stalledUntilMs < ms;
  }

  get #stalledUntilMs(): number {
    return Math.max(this.#up.stalledUntilMs, this.#down.stalledUntilMs);
  }

  send(frames: readonly Uint8Array[]): void {
    this.#up.carry(() => this.#queue.push(frames));
  }

  halfClose(): void {
    this.#up.carry(() => this.#queue.finish('half_closed'));
  }

  /** The client resets the stream; what it had not got yet it does not get. */
  cancel(): void {
    this.#clientEnded = true;
    this.#down.close();
    this.#up.carry(() => this.#lose());
  }

  /** The client is cut off: neither side hears of it, the gateway only after a while. */
  vanish(noticedAfterMs = keepaliveMs): void {
    this.#clientEnded = true;
    this.#down.close();
    this.#up.close();
    this.#deps.gateway.process.after(noticedAfterMs, () => this.#lose());
  }

  /** The gateway's machine or process is gone; the client hears of it after a while. */
  gatewayDied(noticedAfterMs: number): void {
    this.#up.close();
    this.#down.close();
    this.#deps.client.after(noticedAfterMs, () => this.#end(lost));
  }

  /** The connection breaks, and both sides see it. */
  reset(): void {
    this.#up.carry(() => this.#lose());
    this.#down.close();
    this.#deps.client.after(1, () => this.#end(lost));
  }

  stall(direction: 'up' | 'down' | 'both', untilMs: number): void {
    if (direction !== 'down') this.#up.stall(untilMs);
    if (direction !== 'up') this.#down.stall(untilMs);
  }

  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    if (!isReading) return;
    this.#makeRoom(this.#unreadBytes);
    this.#unreadBytes = 0;
    if (this.#unreadEnd !== undefined) this.#end(this.#unreadEnd);
  }

  async *#read(options: { readonly signal: AbortSignal }): AsyncGenerator<readonly Uint8Array[], StreamEnd> {
    const groups = this.#queue.read(options);
    for (;;) {
      const { value, done } = await groups.next();
      if (done === true) return value;
      this.#takenFrames += value.length;
      this.#deps.listener.onTaken(this.#takenFrames);
      yield value;
    }
  }

  #write(framed: readonly Uint8Array[], taken: () => void): void {
    if (this.#gone.signal.aborted) return taken();
    for (const chunk of framed) for (const frame of split(chunk)) this.#leaving.push({ kind: 'frame', frame });
    this.#leave({ kind: 'taken', taken });
  }

  #leave(leaving: Leaving): void {
    this.#leaving.push(leaving);
    this.#flow();
  }

  #flow(): void {
    for (let next = this.#leaving[0]; next !== undefined; next = this.#leaving[0]) {
      if (next.kind === 'frame' && this.#windowBytes >= this.#deps.windowBytes) return;
      this.#leaving.shift();
      if (next.kind === 'frame') this.#sendDown(next.frame);
      else if (next.kind === 'taken') this.#deps.gateway.clock.schedule(0, next.taken);
      else this.#sendEnd(next.end);
    }
  }

  #sendDown(frame: Uint8Array): void {
    this.#windowBytes += frame.byteLength;
    this.#down.carry(() => {
      if (this.#isReading) this.#makeRoom(frame.byteLength);
      else this.#unreadBytes += frame.byteLength;
      if (!this.#clientEnded) this.#deps.listener.onFrame(frame);
    });
  }

  #sendEnd(end: ClientEnd): void {
    this.#down.carry(() => {
      if (this.#isReading) this.#end(end);
      else this.#unreadEnd = end;
    });
    this.#deps.gateway.clock.schedule(0, () => this.#lose());
  }

  #end(end: ClientEnd): void {
    if (this.#clientEnded) return;
    this.#clientEnded = true;
    this.#deps.listener.onEnd(end);
  }

  #makeRoom(bytes: number): void {
    if (bytes === 0) return;
    this.#up.carry(() => {
      this.#windowBytes -= bytes;
      this.#flow();
    });
  }

  /** The gateway sees that the connection is gone: whatever it still had to write counts as taken. */
  #lose(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#queue.finish('gone');
    for (const leaving of this.#leaving.splice(0)) if (leaving.kind === 'taken') leaving.taken();
  }

  #ask(answered: () => void): void {
    this.#asked.push(answered);
    this.#startPing();
  }

  #startPing(): void {
    const { clock } = this.#deps.gateway;
    if (this.#isPinging || this.#asked.length === 0) return;
    this.#isPinging = true;
    clock.schedule(Math.max(0, this.#lastPingMs + pingEveryMs - clock.monotonic()), () => this.#ping());
  }

  #ping(): void {
    if (this.#gone.signal.aborted) return;
    const asked = this.#asked.splice(0);
    this.#lastPingMs = this.#deps.gateway.clock.monotonic();
    this.#down.carry(() =>
      this.#up.carry(() => {
        if (this.#gone.signal.aborted) return;
        this.#isPinging = false;
        for (const answered of asked) answered();
        this.#startPing();
      }),
    );
  }

  #isThere(): Promise<boolean> {
    if (this.#gone.signal.aborted) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#deps.gateway.clock.schedule(isThereTimeoutMs, () => resolve(false));
    this.#ask(() => {
      timer.cancel();
      resolve(true);
    });
    return promise;
  }
}

const lost: ClientEnd = { by: 'transport', code: 'unavailable', message: 'connection lost' };

const endOf = (error: FabricError | undefined): ClientEnd =>
  error === undefined
    ? { by: 'gateway', code: 'ok', message: '' }
    : { by: 'gateway', code: error.code, message: error.message };
