/**
 * The only writer of a stream (D6). While a write is under way it gathers, then writes all of it at once. It is bounded:
 * deliveries are refused when it is full, and the connection stops reading requests until there is room. What the peer's
 * transport has answered for is told by mark (D11, I6). A peer that leaves it full for too long is a slow consumer.
 */
import { outboxBytesMax } from '../model/limits.ts';
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { Count } from '../ports/metrics.ts';
import type { Inbox } from '../router/inbox.ts';
import type { FrameStream } from './frame-stream.ts';

export interface OutboxListener {
  /** There is room again after a refusal. */
  readonly onRoom: () => void;
  /** The peer has everything up to `mark`. */
  readonly onConfirmed: (mark: number) => void;
  /** It was full for `stallMs` without a break. */
  readonly onStalled: () => void;
  /** Whether deliveries may go out now. */
  readonly mayDeliver: () => boolean;
}

interface OutboxDeps {
  readonly stream: FrameStream;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly delivered: Count;
  readonly listener: OutboxListener;
}

/** The same frames in fewer: see `codec/delivery-batch.ts`. */
export type Pack = (framed: readonly Uint8Array[]) => readonly Uint8Array[];

export class Outbox implements Inbox {
  readonly #deps: OutboxDeps;
  #state: 'holding' | 'open' | 'closed' = 'holding';
  #pack: Pack | undefined;
  #queue: Uint8Array[] = [];
  /** Queued and being written. */
  #bytes = 0;
  #mark = 0;
  #writtenMark = 0;
  #confirmedMark = 0;
  #isWriting = false;
  #isFlushScheduled = false;
  #isAsking = false;
  #hasRefused = false;
  #stall: Scheduled | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #empty: PromiseWithResolvers<void> | undefined;
  #received: PromiseWithResolvers<void> | undefined;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Deliveries are taken from now on, and packed where the stream allows it. */
  open(pack: Pack | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'open';
    this.#pack = pack;
    this.#tellRoom();
  }

  /** Takes nothing more; what is queued still goes out. */
  close(): void {
    this.#state = 'closed';
    this.#stall?.cancel();
    this.#room?.resolve();
  }

  offer(frames: Uint8Array, records: number): number | undefined {
    if (this.#state !== 'open' || this.#bytes >= outboxBytesMax || !this.#deps.listener.mayDeliver()) {
      this.#hasRefused = true;
      return undefined;
    }
    this.#mark += 1;
    this.#deps.delivered.add(records);
    this.#enqueue(frames);
    return this.#mark;
  }

  /** Deliveries may go out again: whoever was refused is told. */
  retry(): void {
    if (this.#bytes < outboxBytesMax) this.#tellRoom();
  }

  /** An answer or a notice: taken whatever is queued, since its sender was waited for. */
  send(frame: Uint8Array): void {
    if (this.#state !== 'closed') this.#enqueue(frame);
  }

  /** Set while it is full; resolves when it is no longer, or closed. */
  get room(): Promise<void> | undefined {
    return this.#room?.promise;
  }

  /** Calls `received` once the peer's transport has answered for everything there is now. */
  whenReceived(received: () => void): void {
    void this.empty().then(() => this.#deps.stream.whenReceived(received));
  }

  /** Resolves once the peer's transport has answered for every delivery. For a closed one: there will be no more. */
  received(): Promise<void> {
    if (this.#confirmedMark === this.#mark) return Promise.resolve();
    this.#received ??= Promise.withResolvers();
    return this.#received.promise;
  }

  /** Resolves when everything has been handed to the transport. */
  empty(): Promise<void> {
    if (this.#bytes === 0) return Promise.resolve();
    this.#empty ??= Promise.withResolvers();
    return this.#empty.promise;
  }

  #enqueue(frame: Uint8Array): void {
    this.#queue.push(frame);
    this.#bytes += frame.byteLength;
    if (this.#bytes >= outboxBytesMax) this.#becomeFull();
    if (this.#isWriting || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushScheduled = false;
    const chunks = this.#queue;
    if (chunks.length === 0) return;
    const mark = this.#mark;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.byteLength;
    this.#queue = [];
    this.#isWriting = true;
    this.#deps.stream.write(this.#pack === undefined ? chunks : this.#pack(chunks), () => {
      this.#isWriting = false;
      this.#writtenMark = mark;
      this.#bytes -= bytes;
      this.#flush();
      this.#ask();
      if (this.#bytes < outboxBytesMax) this.#tellRoom();
      if (this.#bytes === 0) this.#tellEmpty();
    });
  }

  /** Who asks later waits for what is queued by then. */
  #tellEmpty(): void {
    this.#empty?.resolve();
    this.#empty = undefined;
  }

  /** One question at a time; each answers for all that was written before it. */
  #ask(): void {
    if (this.#isAsking || this.#writtenMark === this.#confirmedMark) return;
    this.#isAsking = true;
    const mark = this.#writtenMark;
    this.#deps.stream.whenReceived(() => {
      this.#isAsking = false;
      this.#confirmedMark = mark;
      this.#deps.listener.onConfirmed(mark);
      if (mark === this.#mark) this.#received?.resolve();
      this.#ask();
    });
  }

  #becomeFull(): void {
    this.#room ??= Promise.withResolvers();
    this.#stall ??= this.#deps.clock.schedule(this.#deps.stallMs, this.#deps.listener.onStalled);
  }

  #tellRoom(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    this.#room?.resolve();
    this.#room = undefined;
    if (!this.#hasRefused || this.#state !== 'open') return;
    this.#hasRefused = false;
    this.#deps.listener.onRoom();
  }
}
