/**
 * A reading of one partition. At the end it is **live**: entries are queued for it as they become durable. Further back,
 * or when it is so slow that its queue is full, it is **behind** and asks the database for page after page:
 *
 *     behind ──its next offset is the partition's next──▶ live
 *       ▲                                                  │
 *       └──────────────── its queue is full ───────────────┘
 *
 * `#at` is the offset it takes in next, either way. Whether it has met the end is decided in the turn in which it joins
 * the tails, so there is no gap and no duplicate.
 */
import type { FabricError } from '../../model/error.ts';
import type { LogEntry, LogReading } from '../../ports/message-log.ts';
import type { LogPage } from './sqlite-log-messages.ts';
import type { LogPartition, Tail } from './sqlite-log-partition.ts';

interface ReadingDeps {
  readonly partition: LogPartition;
  readonly page: (partition: number, from: number) => Promise<LogPage>;
  readonly signal: AbortSignal;
}

const queuedBytesMax = 8 * 1024 * 1024;
const queuedEntriesMax = 4096;

export class SqliteLogReading implements LogReading, Tail {
  readonly start: bigint;
  readonly entries: AsyncIterable<readonly LogEntry[]>;
  readonly #deps: ReadingDeps;
  #at: number;
  #isLive = false;
  #isOver = false;
  #failure: FabricError | undefined;
  #queue: LogEntry[] = [];
  #queuedBytes = 0;
  /** The page that starts at `#at`, under way. */
  #ahead: Promise<LogPage> | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(from: bigint, deps: ReadingDeps) {
    this.start = from;
    this.#at = Number(from);
    this.#deps = deps;
    this.entries = this.#read();
    deps.signal.addEventListener('abort', this.#aborted, { once: true });
    if (deps.signal.aborted) this.end();
    else this.#joinAtEnd();
  }

  offer(entry: LogEntry, offset: number): void {
    if (offset < this.#at) return;
    const isFull =
      this.#queue.length >= queuedEntriesMax || this.#queuedBytes + entry.batch.byteLength > queuedBytesMax;
    if (isFull && this.#queue.length > 0) return this.#leave();
    this.#queue.push(entry);
    this.#queuedBytes += entry.batch.byteLength;
    this.#at = offset + 1;
    this.#wake.resolve();
  }

  end(failure?: FabricError): void {
    this.#failure ??= failure;
    this.#isOver = true;
    this.#leave();
    this.#queue = [];
    this.#deps.signal.removeEventListener('abort', this.#aborted);
    this.#wake.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  async *#read(): AsyncGenerator<readonly LogEntry[]> {
    while (!this.#isOver) {
      if (this.#queue.length > 0) yield this.#takeQueue();
      else if (this.#ahead !== undefined) yield* await this.#takePage(this.#ahead);
      else if (this.#isLive || this.#joinAtEnd()) await this.#woken();
      else this.#requestPage();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #takeQueue(): readonly LogEntry[] {
    const entries = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    return entries;
  }

  /** Asks for the page after this one before this one is handed out. */
  async #takePage(asked: Promise<LogPage>): Promise<readonly (readonly LogEntry[])[]> {
    const { first, bodies, next } = await asked;
    this.#ahead = undefined;
    this.#at = next;
    if (this.#at < this.#deps.partition.next) this.#requestPage();
    if (bodies.length === 0) return [];
    return [bodies.map((batch, index) => ({ offset: BigInt(first + index), batch }))];
  }

  #requestPage(): void {
    const { partition, page } = this.#deps;
    this.#ahead = page(partition.index, this.#at);
    // Whoever takes it hears of its failure; a reading that has ended does not care.
    this.#ahead.catch(() => undefined);
  }

  #joinAtEnd(): boolean {
    const { partition } = this.#deps;
    if (this.#at < partition.next) return false;
    partition.join(this);
    this.#isLive = true;
    return true;
  }

  #leave(): void {
    this.#deps.partition.leave(this);
    this.#isLive = false;
  }

  async #woken(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }

  readonly #aborted = (): void => this.end();
}
