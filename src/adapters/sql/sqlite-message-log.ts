/**
 * The message log of a single process: entries in an SQLite file that a worker thread has for itself, the live end in
 * memory. What is appended at once goes to the thread as one group; the thread commits and syncs all groups it finds
 * waiting as one transaction, so commits grow with the load. Only then the appends resolve and the readings get the
 * entries. Up to `groupsInFlightMax` groups are on their way; what comes after gathers in the next. Callers bound what
 * they have outstanding.
 */
import { FabricError } from '../../model/error.ts';
import type { Clock, Scheduled } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { LogLayout, LogReading, LogWriter, MessageLog } from '../../ports/message-log.ts';
import type { EntryGroup, LogRetention, LogWorkerSettings, OpenedLog } from './sqlite-log-messages.ts';
import { LogPartition } from './sqlite-log-partition.ts';
import { SqliteLogReading } from './sqlite-log-reading.ts';
import { LogThread } from './sqlite-log-thread.ts';

interface LogDeps {
  readonly clock: Clock;
  readonly log: Log;
}

interface Append {
  readonly partition: LogPartition;
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly settled: PromiseWithResolvers<void>;
}

export const defaultLogRetention: LogRetention = { ageMs: 7 * 24 * 60 * 60 * 1000, bytes: 10 * 1024 ** 3 };

/** With 1 or 2 the partitions' writers wait for each other's commits: a fifth to a third fewer messages a second. */
const groupsInFlightMax = 16;
const groupBytesMax = 1024 * 1024;
const groupEntriesMax = 4096;
/**
 * Whoever comes just after a commit has started waits for two. Where a commit takes this long, it starts a turn later
 * and takes all of that turn along: half the latency for a few callers that wait for their appends. Where it is faster,
 * the turn would cost more: a sixth of the messages a second.
 */
const slowCommitMs = 1;
/** Of the last commit, in the mean of the recent ones. */
const commitWeight = 0.1;
const retainEveryMs = 1000;

export class SqliteMessageLog implements MessageLog, AsyncDisposable {
  readonly id: string;
  readonly layout: LogLayout;
  readonly #deps: LogDeps;
  readonly #thread: LogThread;
  readonly #partitions: readonly LogPartition[];
  #waiting: Append[] = [];
  readonly #inFlight: (readonly Append[])[] = [];
  #isFlushScheduled = false;
  readonly #writers = new Set<string>();
  /** One for each time this process has lost its own lease. */
  readonly #fenced = new Set<string>();
  #commitMs = 0;
  #retaining: Scheduled;
  /** Why it takes no more appends. */
  #end: FabricError | undefined;

  /** Refused where another process has the file, or where it was created with another layout. */
  static async open(settings: LogWorkerSettings, deps: LogDeps): Promise<SqliteMessageLog> {
    const [thread, opened] = await LogThread.open(settings);
    return new SqliteMessageLog(settings.layout, { thread, opened, deps });
  }

  private constructor(
    layout: LogLayout,
    { thread, opened, deps }: { thread: LogThread; opened: OpenedLog; deps: LogDeps },
  ) {
    this.id = opened.id;
    this.layout = layout;
    this.#deps = deps;
    this.#thread = thread;
    this.#partitions = opened.next.map((offset, index) => new LogPartition(index, offset));
    thread.listen({
      committed: (groups, commitMs) => this.#committed(groups, commitMs),
      rejected: (groups, error) => this.#rejected(groups, error),
      ended: (error) => this.#ended(error),
    });
    this.#retaining = this.#scheduleRetention();
  }

  /** Why it takes no more appends, if it does not: it stays so until it is opened again. */
  get failure(): FabricError | undefined {
    return this.#end;
  }

  append(partition: number, parts: readonly Uint8Array[], writer?: LogWriter): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (writer !== undefined && (!writer.isCurrent() || this.#fenced.has(writer.name)))
      return Promise.reject(new FabricError('LEASE_LOST', 'whoever appends has lost its lease'));
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const settled = Promise.withResolvers<void>();
    this.#waiting.push({ partition: this.#partition(partition), parts, bytes, settled });
    this.#flushSoon();
    return settled.promise;
  }

  /** Nobody else has the file: with this process, its writers end. */
  enter(writer: string): Promise<ReadonlySet<string>> {
    this.#writers.add(writer);
    return Promise.resolve(new Set(this.#writers));
  }

  /** What was appended before lies before what comes: nothing is to be waited for. */
  fence(writer: string): Promise<void> {
    this.#fenced.add(writer);
    this.#writers.delete(writer);
    return Promise.resolve();
  }

  read(partition: number, from: bigint | 'end', { signal }: { readonly signal: AbortSignal }): Promise<LogReading> {
    const log = this.#partition(partition);
    const start = from === 'end' ? BigInt(log.next) : from;
    const page = (index: number, at: number) => this.#thread.page(index, at);
    return Promise.resolve(new SqliteLogReading(start, { partition: log, page, signal }));
  }

  /** Waits for all appends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#retaining.cancel();
    if (this.#end === undefined) {
      while (this.#waiting.length > 0) this.#flush();
      this.#end = new FabricError('STORE_UNAVAILABLE', 'the message log is closed');
    }
    await this.#thread[Symbol.asyncDispose]();
  }

  #partition(index: number): LogPartition {
    const partition = this.#partitions[index];
    if (partition === undefined) throw new RangeError(`partition ${index} of ${this.layout.partitions}`);
    return partition;
  }

  /** What one caller appends at once always goes together; on a slow disk, what all append in one turn. */
  #flushSoon(): void {
    if (this.#isFlushScheduled || this.#inFlight.length >= groupsInFlightMax) return;
    this.#isFlushScheduled = true;
    const flush = (): void => {
      this.#isFlushScheduled = false;
      if (this.#waiting.length > 0 && this.#inFlight.length < groupsInFlightMax) this.#flush();
    };
    if (this.#commitMs < slowCommitMs) queueMicrotask(flush);
    else this.#deps.clock.schedule(0, flush);
  }

  #flush(): void {
    const appends = this.#takeGroup();
    this.#inFlight.push(appends);
    this.#thread.append(toGroup(appends, this.#deps.clock.now()));
  }

  #takeGroup(): readonly Append[] {
    let count = 0;
    let groupBytes = 0;
    for (const { bytes } of this.#waiting) {
      if (count === groupEntriesMax || (count > 0 && groupBytes + bytes > groupBytesMax)) break;
      count += 1;
      groupBytes += bytes;
    }
    if (count < this.#waiting.length) return this.#waiting.splice(0, count);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  #committed(groups: number, commitMs: number): void {
    this.#commitMs += (commitMs - this.#commitMs) * commitWeight;
    for (const appends of this.#inFlight.splice(0, groups))
      for (const { partition, parts, settled } of appends) {
        partition.landed(parts);
        settled.resolve();
      }
    if (this.#waiting.length > 0) this.#flushSoon();
  }

  #rejected(groups: number, error: FabricError): void {
    this.#deps.log.error('message log could not be written', { cause: error });
    for (const appends of this.#inFlight.splice(0, groups)) for (const { settled } of appends) settled.reject(error);
    if (this.#waiting.length > 0) this.#flushSoon();
  }

  #ended(error: FabricError): void {
    const isExpected = this.#end !== undefined;
    this.#end ??= error;
    this.#retaining.cancel();
    if (!isExpected) this.#deps.log.error('message log has failed', { cause: error });
    const lost = [...this.#inFlight.splice(0), this.#waiting.splice(0)].flat();
    for (const { settled } of lost) settled.reject(error);
    for (const partition of this.#partitions) partition.end(isExpected ? undefined : error);
  }

  #scheduleRetention(): Scheduled {
    return this.#deps.clock.schedule(retainEveryMs, () => {
      this.#thread.retain(this.#deps.clock.now());
      this.#retaining = this.#scheduleRetention();
    });
  }
}

/** Copied into memory of its own: what callers append is theirs, and may be a piece of a pool. */
const toGroup = (appends: readonly Append[], closedAtMs: number): EntryGroup => {
  const places = new Uint32Array(appends.length * 2);
  const bodies = Buffer.allocUnsafeSlow(appends.reduce((sum, { bytes }) => sum + bytes, 0));
  let at = 0;
  for (const [index, { partition, parts, bytes }] of appends.entries()) {
    places[index * 2] = partition.index;
    places[index * 2 + 1] = bytes;
    for (const part of parts) {
      bodies.set(part, at);
      at += part.byteLength;
    }
  }
  return { places, bodies, closedAtMs };
};
