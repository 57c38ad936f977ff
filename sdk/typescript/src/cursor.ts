/**
 * One consumer's place in a feed: what was offered since it joined and it has not taken. It joins when it is first asked,
 * so an iterator nobody iterates holds nothing up.
 */
import { Fifo } from './fifo.ts';

export interface CursorHooks<T extends object> {
  readonly join: (cursor: Cursor<T>) => void;
  /** Told when the cursor wants no more, with what it has not taken. */
  readonly leave: (cursor: Cursor<T>, rest: Fifo<T>) => void;
  readonly onTaken: () => void;
  readonly sizeOf: (item: T) => number;
}

/** How a feed, or the wait on it, has ended: with nothing more, or with an error thrown once. */
export interface Ending {
  readonly error?: unknown;
}

export class Cursor<T extends object> implements AsyncIterableIterator<T> {
  readonly #hooks: CursorHooks<T>;
  #items = new Fifo<T>();
  #bytes = 0;
  readonly #asked = new Fifo<PromiseWithResolvers<IteratorResult<T>>>();
  #ending: Ending | undefined;
  #state: 'new' | 'joined' | 'left' = 'new';

  constructor(hooks: CursorHooks<T>, signal: AbortSignal | undefined) {
    this.#hooks = hooks;
    if (signal === undefined) return;
    const abort = (): void => this.#stop({ error: signal.reason });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    this.#release = () => signal.removeEventListener('abort', abort);
  }

  #release = (): void => undefined;

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#items.length;
  }

  /** For the feed: one more item. */
  push(item: T): void {
    const asked = this.#asked.shift();
    if (asked !== undefined) return asked.resolve({ value: item, done: false });
    this.#items.push(item);
    this.#bytes += this.#hooks.sizeOf(item);
  }

  /** For the feed: forgets the oldest item. */
  drop(): void {
    this.#shift();
  }

  /** For the feed: nothing comes any more. */
  finish(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#release();
    if (this.#asked.length > 0) this.#answerEnd();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#state === 'new' && this.#ending === undefined) {
      this.#state = 'joined';
      this.#hooks.join(this);
    }
    const item = this.#shift();
    if (item !== undefined) {
      this.#hooks.onTaken();
      return Promise.resolve({ value: item, done: false });
    }
    const answer = Promise.withResolvers<IteratorResult<T>>();
    this.#asked.push(answer);
    if (this.#ending !== undefined) this.#answerEnd();
    return answer.promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.#stop({});
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #shift(): T | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.#bytes -= this.#hooks.sizeOf(item);
    return item;
  }

  /** Wants no more, whatever is still there. */
  #stop(ending: Ending): void {
    if (this.#state === 'left') return;
    const rest = this.#items;
    this.#items = new Fifo();
    this.#bytes = 0;
    const wasJoined = this.#state === 'joined';
    this.#state = 'left';
    this.finish(ending);
    if (wasJoined) this.#hooks.leave(this, rest);
  }

  /** The error goes to the first who asks, everyone else is told that it is over. */
  #answerEnd(): void {
    for (let asked = this.#asked.shift(); asked !== undefined; asked = this.#asked.shift()) {
      const error = this.#ending?.error;
      this.#ending = {};
      if (error === undefined) asked.resolve({ value: undefined, done: true });
      else asked.reject(error);
    }
  }
}
