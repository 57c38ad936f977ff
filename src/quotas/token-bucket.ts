import type { Rate } from '../model/quota.ts';

/** In thousandths of a token, so that all of it is whole numbers: nothing is lost by rounding. */
const token = 1000;

/**
 * A token bucket: holds up to `burst` tokens, gains `perSecond` a second, and every message takes one. What it refuses
 * it can say exactly when to come again for. Times are whole milliseconds of a clock that never goes back.
 */
export class TokenBucket {
  #rate: Rate;
  #level: number;
  #atMs: number;

  /** Full. */
  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#level = rate.burst * token;
    this.#atMs = nowMs;
  }

  /** From now on; what has been used up of the burst stays used up. */
  adopt(rate: Rate, nowMs: number): void {
    this.#fill(nowMs);
    const used = this.#rate.perSecond === 0 ? 0 : this.#rate.burst * token - this.#level;
    this.#rate = rate;
    this.#level = Math.max(0, rate.burst * token - used);
  }

  /** Whole tokens there are; without a limit, any number. */
  available(nowMs: number): number {
    if (this.#rate.perSecond === 0) return Infinity;
    this.#fill(nowMs);
    return Math.floor(this.#level / token);
  }

  /** At most as many as are available. */
  take(count: number): void {
    if (this.#rate.perSecond > 0) this.#level -= count * token;
  }

  /** Puts back what was taken and not used. */
  restore(count: number): void {
    this.#level = Math.min(this.#rate.burst * token, this.#level + count * token);
  }

  /** In how many milliseconds there will be one; 0 if there is. */
  waitMs(nowMs: number): number {
    if (this.available(nowMs) > 0) return 0;
    return Math.ceil((token - this.#level) / this.#rate.perSecond);
  }

  /** Whether nothing is used up: a new one would be the same. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#level >= this.#rate.burst * token;
  }

  #fill(nowMs: number): void {
    const { perSecond, burst } = this.#rate;
    // One token a second is one thousandth a millisecond.
    this.#level = Math.min(burst * token, this.#level + (nowMs - this.#atMs) * perSecond);
    this.#atMs = nowMs;
  }
}
