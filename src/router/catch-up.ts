/**
 * The catch-up scan of one partition: at most one reading at a time serves everybody who is behind. It starts at the
 * oldest position wanted, picks up the others as it passes theirs, and hands its members to the live reader when it
 * meets what that keeps. Who arrives with an older position than the scan has reached waits for the next one. It leaps
 * over segments that, as the topic index knows, hold nothing for any of its members.
 *
 * A member whose inbox is full leaves the scan; while nobody else is in it, the scan waits for that member instead of
 * reading past it.
 */
import type { LogReading } from '../ports/message-log.ts';
import { Audience } from './audience.ts';
import { KeptEntries } from './kept-entries.ts';
import { Leaper } from './leap.ts';
import type { PartitionReader, ReaderDeps } from './partition-reader.ts';
import { type ReadBatch, readBatch } from './read-batch.ts';
import { Segments } from './segments.ts';
import type { Subscribed } from './subscribed.ts';

interface CatchUpDeps extends ReaderDeps {
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly reader: PartitionReader;
}

const retryAfterMs = 250;
const standstillMs = 20;

export class CatchUp {
  readonly #deps: CatchUpDeps;
  readonly #leaper: Leaper;
  /** In the present scan. */
  readonly #members = new Audience();
  /** For the next scan. */
  readonly #waiting = new Set<Subscribed>();
  /** Left the present scan for want of room. */
  readonly #stalled = new Set<Subscribed>();
  /** Since its last leap. */
  #scanned = new KeptEntries(0n);
  /** The entry the present scan hands out, or would take next. */
  #at: bigint | undefined;
  /** Ends the reading of the present scan. */
  #reading: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #wake: (() => void) | undefined;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    this.#leaper = new Leaper(deps);
  }

  stopped(): Promise<void> {
    this.#wake?.();
    return this.#running;
  }

  /** Takes in a subscription whose position lies before what the reader keeps. */
  add(subscription: Subscribed): void {
    this.#stalled.delete(subscription);
    if (this.#at !== undefined && subscription.position.offset >= this.#at) this.#members.add(subscription);
    else this.#waiting.add(subscription);
    this.#wake?.();
    if (this.#isRunning) return this.#mindTheTail();
    this.#isRunning = true;
    this.#running = this.#run();
  }

  remove(subscription: Subscribed): void {
    this.#members.delete(subscription);
    this.#waiting.delete(subscription);
    this.#stalled.delete(subscription);
    this.#wake?.();
    this.#mindTheTail();
  }

  /**
   * A scan at the end of the log waits for what comes, since what lies before the reader need not be an entry that is
   * handed out. Nobody else must wait with it: it is ended when it is deserted, or stands still while somebody waits.
   */
  #mindTheTail(): void {
    const [scan, at] = [this.#reading, this.#at];
    if (scan === undefined || (this.#waiting.size === 0 && this.#members.size > 0)) return;
    this.#deps.clock.schedule(standstillMs, () => {
      const isStill = this.#reading === scan && this.#at === at && this.#stalled.size === 0;
      if (isStill && (this.#waiting.size > 0 || this.#members.size === 0)) scan.abort();
    });
  }

  async #run(): Promise<void> {
    const { signal, clock, log, partition } = this.#deps;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const reading = new AbortController();
      this.#reading = reading;
      const broke = await this.#scan(AbortSignal.any([signal, reading.signal])).then(
        () => undefined,
        (cause: unknown) => (reading.signal.aborted ? undefined : { cause }),
      );
      this.#reading = undefined;
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
    this.#scanned = new KeptEntries(0n);
    for (const member of this.#members) this.#waiting.add(member);
    for (const member of this.#waiting) this.#members.delete(member);
    this.#stalled.clear();
  }

  async #scan(signal: AbortSignal): Promise<void> {
    this.#admitWaiting();
    this.#deps.counts.catchUpScans.add(1);
    const { messageLog, partition } = this.#deps;
    for (;;) {
      const from = await this.#leap();
      this.#scanned = new KeptEntries(from);
      if (this.#handOver(from)) return;
      await using reading = await messageLog.read(partition, from, { signal });
      if (await this.#serve(reading)) return;
    }
  }

  /**
   * Goes on from where the scan is to what is the next for one of its members. They are looked at after the last wait:
   * who joins from then on joins behind the leap.
   */
  async #leap(): Promise<bigint> {
    for (;;) {
      const at = this.#at ?? 0n;
      if (!this.#leaper.knows(at)) await this.#leaper.load(at);
      this.#at = this.#leaper.over(at, (topic) => this.#members.wants(topic));
      this.#deps.counts.entriesLeapt.add(Number(this.#at - at));
      if (this.#leaper.knows(this.#at) || this.#handsOver(this.#at)) return this.#at;
    }
  }

  #admitWaiting(): void {
    let from: bigint | undefined;
    for (const subscription of this.#waiting) {
      this.#members.add(subscription);
      if (from === undefined || subscription.position.offset < from) from = subscription.position.offset;
    }
    this.#waiting.clear();
    this.#at = from ?? 0n;
  }

  /** Whether the scan is over; if not, there is a leap to be made. */
  async #serve(reading: LogReading): Promise<boolean> {
    if (this.#handOver(reading.start)) return true;
    const segments = new Segments(reading.start, this.#deps);
    for await (const entries of reading.entries)
      for (const entry of entries) {
        const read = readBatch(entry, this.#deps.log);
        segments.take(read);
        this.#scanned.push(read);
        await this.#handOut(read);
        const next = entry.offset + 1n;
        if (this.#handOver(next)) return true;
        if (this.#leaper.isSeam(next) && (await this.#mayLeap(next))) return false;
      }
    return true;
  }

  async #mayLeap(from: bigint): Promise<boolean> {
    if (!this.#leaper.knows(from)) await this.#leaper.load(from);
    return this.#leaper.over(from, (topic) => this.#members.wants(topic)) > from;
  }

  /**
   * Hands one entry to all who want it, waiting where all who are left have no room. Nothing is awaited between the last
   * look at the members and moving on: who joins in between joins at the next entry or not at all.
   */
  async #handOut({ offset, batch }: ReadBatch): Promise<void> {
    this.#deps.counts.entriesScanned.add(1);
    this.#at = offset;
    for (;;) {
      this.#members.dispatch(batch?.groups ?? [], (subscription, group) => {
        if (subscription.deliver(offset, group)) return;
        this.#members.delete(subscription);
        this.#stalled.add(subscription);
      });
      if (this.#members.size > 0 || !this.#mayWaitForStalled()) break;
      await this.#woken();
      if (this.#members.size === 0 && !this.#mayWaitForStalled()) break;
    }
    this.#at = offset + 1n;
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

  #handsOver(reached: bigint): boolean {
    return this.#members.size === 0 || this.#deps.signal.aborted || reached >= this.#deps.reader.keptFrom;
  }

  /** Whether the scan is over: it has met the reader at `reached`, or nobody is left in it. */
  #handOver(reached: bigint): boolean {
    if (!this.#handsOver(reached)) return false;
    if (this.#deps.signal.aborted) return true;
    if (reached >= this.#deps.reader.keptFrom) this.#deps.reader.keep(this.#scanned);
    for (const member of this.#members) {
      this.#members.delete(member);
      if (member.position.offset < reached) member.position = { offset: reached, index: 0 };
      this.#deps.reader.follow(member);
    }
    return true;
  }
}
