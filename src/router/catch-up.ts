/**
 * The catch-up scan of one partition: at most one reading at a time serves everybody who is behind. It starts at the
 * oldest position wanted, picks up the others as it passes theirs, and hands its members to the live reader when it
 * meets what that keeps. Who arrives with an older position than the scan has reached waits for the next one.
 *
 * A member whose inbox is full leaves the scan; while nobody else is in it, the scan waits for that member instead of
 * reading past it.
 */
import type { LogEntry, LogReading } from '../ports/message-log.ts';
import { Audience } from './audience.ts';
import type { PartitionReader, ReaderDeps } from './partition-reader.ts';
import { readBatch } from './read-batch.ts';
import type { Subscription } from './subscription.ts';

interface CatchUpDeps extends ReaderDeps {
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly reader: PartitionReader;
}

const retryAfterMs = 250;

export class CatchUp {
  readonly #deps: CatchUpDeps;
  /** In the present scan. */
  readonly #members = new Audience();
  /** For the next scan. */
  readonly #waiting = new Set<Subscription>();
  /** Left the present scan for want of room. */
  readonly #stalled = new Set<Subscription>();
  /** The entry the present scan hands out, or would take next. */
  #at: bigint | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #wake: (() => void) | undefined;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
  }

  stopped(): Promise<void> {
    this.#wake?.();
    return this.#running;
  }

  /** Takes in a subscription whose position lies before what the reader keeps. */
  add(subscription: Subscription): void {
    this.#stalled.delete(subscription);
    if (this.#at !== undefined && subscription.position.offset >= this.#at) this.#members.add(subscription);
    else this.#waiting.add(subscription);
    this.#wake?.();
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#run();
  }

  remove(subscription: Subscription): void {
    this.#members.delete(subscription);
    this.#waiting.delete(subscription);
    this.#stalled.delete(subscription);
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { signal, clock, log, partition } = this.#deps;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const broke = await this.#scan().then(
        () => undefined,
        (cause: unknown) => ({ cause }),
      );
      this.#regroup();
      if (broke === undefined) continue;
      log.warn('catch-up scan broke, starting again', { partition, ...broke });
      await clock.sleep(retryAfterMs, { signal }).catch(() => undefined);
    }
    this.#isRunning = false;
  }

  /** Whoever is still in a scan that ended waits for the next. */
  #regroup(): void {
    this.#at = undefined;
    for (const member of this.#members) this.#waiting.add(member);
    for (const member of this.#waiting) this.#members.delete(member);
    this.#stalled.clear();
  }

  async #scan(): Promise<void> {
    const from = this.#admitWaiting();
    this.#deps.counts.catchUpScans.add(1);
    await using reading = await this.#deps.messageLog.read(this.#deps.partition, from, { signal: this.#deps.signal });
    await this.#serve(reading);
  }

  #admitWaiting(): bigint {
    let from: bigint | undefined;
    for (const subscription of this.#waiting) {
      this.#members.add(subscription);
      if (from === undefined || subscription.position.offset < from) from = subscription.position.offset;
    }
    this.#waiting.clear();
    this.#at = from ?? 0n;
    return this.#at;
  }

  async #serve(reading: LogReading): Promise<void> {
    if (this.#handOver(reading.start)) return;
    for await (const entries of reading.entries)
      for (const entry of entries) {
        await this.#handOut(entry);
        if (this.#handOver(entry.offset + 1n)) return;
      }
  }

  /**
   * Hands one entry to all who want it, waiting where all who are left have no room. Nothing is awaited between the last
   * look at the members and moving on: who joins in between joins at the next entry or not at all.
   */
  async #handOut(entry: LogEntry): Promise<void> {
    const { batch } = readBatch(entry, this.#deps.log);
    this.#deps.counts.entriesScanned.add(1);
    this.#at = entry.offset;
    for (;;) {
      this.#members.dispatch(batch?.groups ?? [], (subscription, group) => {
        if (subscription.deliver(entry.offset, group)) return;
        this.#members.delete(subscription);
        this.#stalled.add(subscription);
      });
      if (this.#members.size > 0 || !this.#mayWaitForStalled()) break;
      await this.#woken();
      if (this.#members.size === 0 && !this.#mayWaitForStalled()) break;
    }
    this.#at = entry.offset + 1n;
  }

  /** Whoever waits for the next scan must not wait for somebody else's room. */
  #mayWaitForStalled(): boolean {
    return this.#stalled.size > 0 && this.#waiting.size === 0 && !this.#deps.signal.aborted;
  }

  async #woken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  /** Whether the scan is over: it has met the reader at `reached`, or nobody is left in it. */
  #handOver(reached: bigint): boolean {
    if (this.#members.size === 0 || this.#deps.signal.aborted) return true;
    if (reached < this.#deps.reader.keptFrom) return false;
    for (const member of this.#members) {
      this.#members.delete(member);
      if (member.position.offset < reached) member.position = { offset: reached, index: 0 };
      this.#deps.reader.follow(member);
    }
    return true;
  }
}
