/**
 * Redis' clock as seen from here, so that a request can say until when it may be executed. Such a request may lie in a
 * socket's buffer for as long as Redis stands still; executed after its caller was told "unavailable", an acquisition
 * would leave a lease nobody knows, which keeps its identity out for a whole TTL.
 *
 * Kept per bucket, since on a cluster every node has its own clock. Only ever errs towards later: by the round trip of
 * the answer it was learned from, and by a step back of Redis' clock until the next answer.
 */
export class StoreTime {
  readonly #now: () => number;
  /** Redis' clock minus ours, at most. */
  readonly #leadsMs = new Map<number, number>();

  /** `now`: real time that never goes back, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  now(): number {
    return this.#now();
  }

  /** Redis said `storeMs` in its answer to something asked at `askedAtMs`. */
  observe(bucket: number, askedAtMs: number, storeMs: number): void {
    this.#leadsMs.set(bucket, storeMs - askedAtMs);
  }

  /** `ms` after `askedAtMs` on Redis' clock, in milliseconds; 0, for no limit, where nothing is known yet. */
  deadline(bucket: number, askedAtMs: number, ms: number): number {
    const leadMs = this.#leadsMs.get(bucket);
    return leadMs === undefined ? 0 : Math.ceil(askedAtMs + leadMs + ms);
  }
}
