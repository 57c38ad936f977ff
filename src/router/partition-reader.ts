/**
 * The one reader of a partition in this process. It takes each entry once, hands it to the subscriptions that are live,
 * and keeps the most recent entries so that one that paused shortly goes on without another reading of the log. What
 * lies further back is the catch-up scan's, which hands its members over here as soon as it meets what is kept:
 *
 *     log:   ……………………[ kept ………… ]next
 *            scan ──────▶│
 *
 * What the scan read last before that is then kept too, as far as there is room: many who return one after the other
 * share it. The seam has no gap and no duplicate because joining is synchronous: between looking at `next` and
 * becoming live nothing can be taken.
 */
import { idleReaderMs } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { LogEntry, LogReading, MessageLog } from '../ports/message-log.ts';
import type { Count } from '../ports/metrics.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import { Audience } from './audience.ts';
import { CatchUp } from './catch-up.ts';
import { KeptEntries } from './kept-entries.ts';
import { readBatch } from './read-batch.ts';
import { Segments } from './segments.ts';
import type { Subscribed } from './subscribed.ts';

export interface ReaderDeps {
  readonly messageLog: MessageLog;
  readonly topicIndex: TopicIndex;
  readonly clock: Clock;
  readonly log: Log;
  readonly counts: ReaderCounts;
}

/** What readers count. */
export interface ReaderCounts {
  readonly entriesRead: Count;
  readonly catchUpScans: Count;
  readonly entriesScanned: Count;
  readonly entriesLeapt: Count;
}

const reopenAfterMs = 250;

export class PartitionReader implements AsyncDisposable {
  readonly partition: number;
  readonly #deps: ReaderDeps;
  readonly #closing = new AbortController();
  readonly #live = new Audience();
  readonly #catchUp: CatchUp;
  /** Up to `#next`. */
  readonly #recent: KeptEntries;
  #next: bigint;
  #subscriptions = 0;
  #idleSinceMs: number;
  readonly #running: Promise<void>;

  /** Resolves once everything appended from now on will be taken. */
  static async open(partition: number, deps: ReaderDeps): Promise<PartitionReader> {
    const closing = new AbortController();
    const reading = await deps.messageLog.read(partition, 'end', { signal: closing.signal });
    return new PartitionReader(partition, reading, deps, closing);
  }

  private constructor(partition: number, reading: LogReading, deps: ReaderDeps, closing: AbortController) {
    this.partition = partition;
    this.#deps = deps;
    this.#closing = closing;
    this.#next = reading.start;
    this.#recent = new KeptEntries(reading.start);
    this.#idleSinceMs = deps.clock.monotonic();
    this.#catchUp = new CatchUp({ ...deps, partition, signal: closing.signal, reader: this });
    this.#running = this.#run(reading);
  }

  /** The offset of the next entry it takes. */
  get next(): bigint {
    return this.#next;
  }

  /** The oldest offset from which on it needs no log. */
  get keptFrom(): bigint {
    return this.#recent.from;
  }

  /** What a scan that has met this reader read last, so that who comes after it needs none. */
  keep(scanned: KeptEntries): void {
    this.#recent.prepend(scanned);
  }

  isIdle(): boolean {
    return this.#subscriptions === 0 && this.#deps.clock.monotonic() - this.#idleSinceMs > idleReaderMs;
  }

  add(subscription: Subscribed): void {
    this.#subscriptions += 1;
    this.follow(subscription);
  }

  remove(subscription: Subscribed): void {
    subscription.state = 'closed';
    this.#live.delete(subscription);
    this.#catchUp.remove(subscription);
    this.#subscriptions -= 1;
    this.#idleSinceMs = this.#deps.clock.monotonic();
  }

  /** Brings a subscription from its position to live: at once where that is possible, else through the scan. */
  follow(subscription: Subscribed): void {
    if (subscription.state === 'closed') return;
    if (subscription.position.offset < this.keptFrom) {
      subscription.state = 'behind';
      this.#catchUp.add(subscription);
      return;
    }
    this.#catchUp.remove(subscription);
    if (!this.#replayKept(subscription)) return;
    subscription.state = 'live';
    this.#live.add(subscription);
  }

  #replayKept(subscription: Subscribed): boolean {
    for (const { offset, batch } of this.#recent) {
      if (offset < subscription.position.offset || batch === undefined) continue;
      for (const group of batch.groups)
        if (
          group.hash === subscription.hash &&
          group.topic === subscription.topic &&
          !subscription.deliver(offset, group)
        )
          return false;
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#running, this.#catchUp.stopped()]);
  }

  async #run(first: LogReading): Promise<void> {
    const { clock, log, messageLog } = this.#deps;
    const { signal } = this.#closing;
    let opened: LogReading | undefined = first;
    const onFailure = (cause: unknown): void =>
      log.warn('partition reader broke, reopening', { partition: this.partition, cause });
    await untilAborted({ clock, signal, pauseMs: reopenAfterMs, onFailure }, async () => {
      await using reading = opened ?? (await messageLog.read(this.partition, this.#next, { signal }));
      opened = undefined;
      const segments = new Segments(reading.start, { ...this.#deps, partition: this.partition });
      for await (const entries of reading.entries) for (const entry of entries) this.#take(entry, segments);
    });
  }

  #take(entry: LogEntry, segments: Segments): void {
    if (entry.offset < this.#next) return;
    const read = readBatch(entry, this.#deps.log);
    segments.take(read);
    this.#deps.counts.entriesRead.add(1);
    this.#next = read.offset + 1n;
    this.#recent.push(read);
    if (read.batch === undefined) return;
    this.#live.dispatch(read.batch.groups, (subscription, group) => {
      if (!subscription.deliver(read.offset, group)) this.#live.delete(subscription);
    });
  }
}
