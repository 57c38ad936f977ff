/**
 * What one stream brings, for any number of consumers: each sees everything from when it joined, at its own pace, and
 * the slowest holds the feed up. While there is none, items wait for the first to come (`backlog: 'kept'`) or go by
 * (`'dropped'`); what the last consumer left waits for the next. Bounded: a feed tells that it is full and trusts its
 * producer to stop, or, with `newestMax`, forgets the oldest.
 */
import { Cursor, type CursorHooks, type Ending } from './cursor.ts';
import { Fifo } from './fifo.ts';

export interface FeedSettings<T extends object> {
  readonly backlog: 'kept' | 'dropped';
  /** Bytes from which it is full. */
  readonly bytesMax?: number;
  /** Items kept for a consumer that is not quick enough; older ones are forgotten. */
  readonly newestMax?: number;
  readonly sizeOf?: (item: T) => number;
  /** What a consumer is given before anything else. */
  readonly first?: () => T;
  /** An item was taken or given up. */
  readonly onTaken?: () => void;
}

export interface IterateOptions {
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface HandleOptions {
  /** Calls under way at once, 1 by default; with more, calls end in any order. */
  readonly concurrency?: number | undefined;
}

export type Handler<T> = (item: T) => unknown;

const none = (): void => undefined;

export class Feed<T extends object> {
  readonly #settings: FeedSettings<T>;
  readonly #hooks: CursorHooks<T>;
  readonly #cursors = new Set<Cursor<T>>();
  #backlog = new Fifo<T>();
  #backlogBytes = 0;
  #ending: Ending | undefined;
  #wasConsumed = false;

  constructor(settings: FeedSettings<T>) {
    this.#settings = settings;
    this.#hooks = {
      join: (cursor) => this.#join(cursor),
      leave: (cursor, rest) => this.#leave(cursor, rest),
      onTaken: settings.onTaken ?? none,
      sizeOf: settings.sizeOf ?? (() => 0),
    };
  }

  get hasConsumers(): boolean {
    return this.#cursors.size > 0;
  }

  /** Whether there has ever been one. */
  get wasConsumed(): boolean {
    return this.#wasConsumed;
  }

  /** Held for the consumer that is furthest behind, or for the one to come. */
  get bytes(): number {
    let bytes = this.#backlogBytes;
    for (const cursor of this.#cursors) bytes = Math.max(bytes, cursor.bytes);
    return bytes;
  }

  get length(): number {
    let length = this.#backlog.length;
    for (const cursor of this.#cursors) length = Math.max(length, cursor.length);
    return length;
  }

  /** `factor` asks about a multiple of the bound. */
  isFull(factor = 1): boolean {
    const { bytesMax } = this.#settings;
    return bytesMax !== undefined && this.bytes >= bytesMax * factor;
  }

  offer(item: T): void {
    if (this.#ending !== undefined) return;
    if (this.#cursors.size === 0) return this.#keep(item);
    const { newestMax } = this.#settings;
    for (const cursor of this.#cursors) {
      if (newestMax !== undefined && cursor.length >= newestMax) cursor.drop();
      cursor.push(item);
    }
  }

  /** Nothing comes after this. Consumers still get what is there, then the error, if there is one. */
  end(ending: Ending = {}): void {
    this.#ending ??= ending;
    for (const cursor of this.#cursors) cursor.finish(ending);
  }

  iterate({ signal }: IterateOptions = {}): AsyncIterableIterator<T> {
    return new Cursor(this.#hooks, signal);
  }

  /** Calls the handler for each item until stopped or at the end. A call that fails is told and does not stop the rest. */
  handle(
    handler: Handler<T>,
    onFailure: (thrown: unknown) => void,
    { concurrency = 1 }: HandleOptions = {},
  ): () => void {
    const cursor = new Cursor(this.#hooks, undefined);
    for (let worker = 0; worker < concurrency; worker += 1) void work(cursor, handler, onFailure);
    return () => void cursor.return();
  }

  #keep(item: T): void {
    if (this.#settings.backlog === 'dropped') return;
    this.#backlog.push(item);
    this.#backlogBytes += this.#hooks.sizeOf(item);
  }

  #join(cursor: Cursor<T>): void {
    this.#wasConsumed = true;
    if (this.#settings.first !== undefined) cursor.push(this.#settings.first());
    const backlog = this.#backlog;
    this.#backlog = new Fifo();
    this.#backlogBytes = 0;
    for (let item = backlog.shift(); item !== undefined; item = backlog.shift()) cursor.push(item);
    this.#cursors.add(cursor);
    if (this.#ending !== undefined) cursor.finish(this.#ending);
  }

  #leave(cursor: Cursor<T>, rest: Fifo<T>): void {
    this.#cursors.delete(cursor);
    if (this.#cursors.size === 0)
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) this.#keep(item);
    this.#hooks.onTaken();
  }
}

const work = async <T extends object>(
  cursor: Cursor<T>,
  handler: Handler<T>,
  onFailure: (thrown: unknown) => void,
): Promise<void> => {
  for (;;) {
    // How the feed ended is told by the client, not to every handler.
    const { value, done } = await cursor.next().catch(() => ({ value: undefined, done: true as const }));
    if (done === true) return;
    try {
      await handler(value);
    } catch (thrown) {
      onFailure(thrown);
    }
  }
};
