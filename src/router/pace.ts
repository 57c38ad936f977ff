/**
 * How long a partition's open batch gathers. What an entry costs the log hardly depends on its size, so many small ones
 * are what slows it down, and nothing tells of that as early as the time its confirms take. A partition that is busy
 * therefore leaves time between its batches in proportion to that: a log that is quick gets them at once, one that falls
 * behind gets fewer and larger ones until it has caught up. A partition with little to do never waits, however slow the
 * log: what makes it busy is the rate of its records alone.
 */
import { batchComfortBytes, batchHoldMsMax } from '../model/limits.ts';

/** Time over which the rate of records is measured, and as many of them in it as make a partition busy. */
const windowMs = 10;
const busyRecords = 20;
/** Share of the latest confirm in the average. */
const weight = 1 / 8;
/** Time between two batches, in confirms. */
const confirmsBetween = 2;

export class Pace {
  #confirmMs = 0;
  #closedMs = Number.NEGATIVE_INFINITY;
  /** Records closed of late, those further back counting less. */
  #records = 0;

  /** For how long a batch of `bytes` goes on gathering. */
  holdMs(bytes: number, nowMs: number): number {
    if (bytes >= batchComfortBytes || this.#recent(nowMs) < busyRecords) return 0;
    const betweenMs = Math.min(batchHoldMsMax, confirmsBetween * this.#confirmMs);
    return Math.max(0, this.#closedMs + betweenMs - nowMs);
  }

  closed(records: number, nowMs: number): void {
    this.#records = this.#recent(nowMs) + records;
    this.#closedMs = nowMs;
  }

  confirmed(tookMs: number): void {
    this.#confirmMs += (tookMs - this.#confirmMs) * weight;
  }

  #recent(nowMs: number): number {
    return this.#records * Math.exp((this.#closedMs - nowMs) / windowMs);
  }
}
