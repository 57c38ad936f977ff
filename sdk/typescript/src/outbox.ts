/**
 * Everything a client sends goes through here, in order. An entry is first `waiting`, then `accepted` (it has a place in
 * what is written next, and its sender is told so), then `handed` to the transport. It waits while there is no connection
 * or the connection is behind; what waits is bounded, and so is how long.
 *
 * - O1 Entries are handed over in the order they were pushed, and each at most once.
 * - O2 An entry refused, timed out or aborted was not handed over and never will be.
 * - O3 What was accepted and not handed over when a connection broke goes out on the next one, unless it was only for
 *   the one that broke.
 */
import { failure } from './error.ts';
import { Fifo } from './fifo.ts';
import { itemOverheadBytes, writeAheadBytesMax } from './limits.ts';
import type { TransportStream } from './transport/transport.ts';

export interface OutboxSettings {
  /** Bytes that may wait. */
  readonly bytesMax: number;
  /** Something waits that could not be accepted at once. */
  readonly onWaiting: () => void;
}

export interface PushOptions {
  /** How long it may wait to be accepted; `undefined` for as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called when the entry is handed over. */
  readonly onHanded?: () => void;
  /** The only connection it means something on: it is dropped when another is attached. */
  readonly only?: TransportStream | undefined;
}

/** The same frames in fewer. */
export type Pack = (frames: readonly Uint8Array[]) => readonly Uint8Array[];

const asTheyAre: Pack = (frames) => frames;

interface Entry {
  readonly frames: readonly Uint8Array[];
  readonly bytes: number;
  readonly onHanded: (() => void) | undefined;
  readonly only: TransportStream | undefined;
  state: 'waiting' | 'accepted' | 'dropped';
  /** Tells the sender; set while it waits. */
  settle: ((error?: unknown) => void) | undefined;
}

export class Outbox {
  readonly #bytesMax: number;
  readonly #onWaiting: () => void;
  readonly #waiting = new Fifo<Entry>();
  #waitingBytes = 0;
  #waitingCount = 0;
  #accepted: Entry[] = [];
  #acceptedBytes = 0;
  #stream: TransportStream | undefined;
  #pack: Pack = asTheyAre;
  #isWriting = false;
  #isFlushScheduled = false;
  #handedCount = 0;
  #refusal: unknown;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor({ bytesMax, onWaiting }: OutboxSettings) {
    this.#bytesMax = bytesMax;
    this.#onWaiting = onWaiting;
  }

  /** Sends waiting for room or for a connection, and their bytes. */
  get waiting(): { readonly count: number; readonly bytes: number } {
    return { count: this.#waitingCount, bytes: this.#waitingBytes };
  }

  get isEmpty(): boolean {
    return this.#waitingCount === 0 && this.#accepted.length === 0;
  }

  /** Messages handed to the connection that is attached, or was last; requests have an answer of their own. */
  get handedCount(): number {
    return this.#handedCount;
  }

  /** Resolves when the frames have been accepted. They stay together and are the outbox's from now on. */
  push(frames: readonly Uint8Array[], options: PushOptions): Promise<void> {
    const bytes = frames.reduce((sum, frame) => sum + frame.byteLength, itemOverheadBytes);
    const { onHanded, only } = options;
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason);
    if (this.#hasRoom() && this.#waitingCount === 0) {
      this.#accept({ frames, bytes, onHanded, only, state: 'accepted', settle: undefined });
      return Promise.resolve();
    }
    if (this.#waitingBytes + bytes > this.#bytesMax && this.#waitingCount > 0)
      return Promise.reject(failure('SEND_QUEUE_FULL', `${this.#waitingCount} sends wait already; await send()`));
    return this.#wait({ frames, bytes, onHanded, only, state: 'waiting', settle: undefined }, options);
  }

  /** Writes to this stream from now on, `preface` before anything else, packed where the connection allows it. */
  attach(stream: TransportStream, preface: readonly Uint8Array[], pack: Pack = asTheyAre): void {
    this.#dropOthers(stream);
    this.#stream = stream;
    this.#pack = pack;
    this.#isWriting = false;
    this.#handedCount = 0;
    if (preface.length > 0) this.#write(stream, pack(preface));
    this.#admit();
    this.#flush();
  }

  /** Writes nothing until the next stream is attached. */
  detach(): void {
    this.#stream = undefined;
  }

  /** Refuses what is pushed from now on; what waits still goes out. */
  refuse(error: unknown): void {
    this.#refusal ??= error;
  }

  /** Gives up what has not been handed over. */
  abandon(error: unknown): void {
    this.refuse(error);
    this.detach();
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift())
      this.#drop(entry, error);
    this.#accepted = [];
    this.#acceptedBytes = 0;
    this.#drained?.resolve();
  }

  /** Resolves when everything has been handed over, or given up. */
  drained(): Promise<void> {
    if (this.isEmpty) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  #dropOthers(stream: TransportStream): void {
    const isStale = ({ only }: Entry): boolean => only !== undefined && only !== stream;
    for (const entry of this.#accepted) if (isStale(entry)) this.#acceptedBytes -= entry.bytes;
    this.#accepted = this.#accepted.filter((entry) => !isStale(entry));
    const waiting: Entry[] = [];
    this.#waiting.retain((entry) => waiting.push(entry) > 0);
    for (const entry of waiting)
      if (isStale(entry)) this.#drop(entry, failure('CONNECTION_LOST', 'the connection it was for is gone'));
  }

  #hasRoom(): boolean {
    return this.#stream !== undefined && this.#acceptedBytes < writeAheadBytesMax;
  }

  #wait(entry: Entry, { timeoutMs, signal }: PushOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(entry);
    this.#waitingBytes += entry.bytes;
    this.#waitingCount += 1;
    const abort = (): void => this.#drop(entry, signal?.reason);
    const expire = (): void =>
      this.#drop(entry, failure('SEND_TIMEOUT', `not sent within ${timeoutMs} ms: ${this.#obstacle()}`));
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    entry.settle = (error) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      if (entry.state === 'dropped') reject(error);
      else resolve();
    };
    this.#onWaiting();
    return promise;
  }

  #obstacle(): string {
    return this.#stream === undefined ? 'there is no connection' : 'the gateway takes no more for now';
  }

  #drop(entry: Entry, error: unknown): void {
    if (entry.state !== 'waiting') return;
    entry.state = 'dropped';
    this.#waitingBytes -= entry.bytes;
    this.#waitingCount -= 1;
    entry.settle?.(error);
    // Dropped entries leave the line when their turn comes, or here if too many have gathered.
    if (this.#waiting.length > 2 * this.#waitingCount + 64) this.#waiting.retain(({ state }) => state === 'waiting');
    this.#tellDrained();
  }

  #accept(entry: Entry): void {
    this.#accepted.push(entry);
    this.#acceptedBytes += entry.bytes;
    if (this.#isWriting || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #admit(): void {
    while (this.#hasRoom()) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      if (entry.state === 'dropped') continue;
      entry.state = 'accepted';
      this.#waitingBytes -= entry.bytes;
      this.#waitingCount -= 1;
      this.#accept(entry);
      entry.settle?.();
    }
  }

  #flush(): void {
    this.#isFlushScheduled = false;
    const stream = this.#stream;
    if (stream === undefined || this.#isWriting) return;
    const entries = this.#accepted;
    if (entries.length === 0) return this.#tellDrained();
    this.#accepted = [];
    this.#acceptedBytes = 0;
    this.#handedCount += entries.filter(({ onHanded }) => onHanded === undefined).length;
    this.#write(stream, this.#pack(entries.flatMap(({ frames }) => frames)));
    for (const { onHanded } of entries) onHanded?.();
  }

  #write(stream: TransportStream, frames: readonly Uint8Array[]): void {
    this.#isWriting = true;
    stream.write(frames, () => {
      if (this.#stream !== stream) return;
      this.#isWriting = false;
      this.#admit();
      this.#flush();
    });
  }

  #tellDrained(): void {
    if (this.isEmpty) this.#drained?.resolve();
  }
}
