import type { FabricError } from '../../model/error.ts';
import type { Clock } from '../../ports/clock.ts';

const firstMs = 50;
const lastMs = 1000;

/** Pauses between attempts: 50 ms, doubling up to a second. */
export class Backoff {
  #ms = firstMs;

  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(lastMs, ms * 2);
    return ms;
  }
}

export interface Attempts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** No attempt starts later than this. */
  readonly timeoutMs: number;
  /** Makes the last attempt's failure the error that is thrown, and says whether trying again is of use. */
  readonly failure: (thrown: unknown) => FabricError;
}

/** Attempts until one succeeds, one fails for good, time is up, or the signal aborts. */
export const attemptRepeatedly = async <Result>(
  { clock, signal, timeoutMs, failure }: Attempts,
  attempt: () => Promise<Result>,
): Promise<Result> => {
  const endMs = clock.monotonic() + timeoutMs;
  const backoff = new Backoff();
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      signal.throwIfAborted();
      const error = failure(thrown);
      const pauseMs = backoff.next();
      if (!error.retryable || clock.monotonic() + pauseMs > endMs) throw error;
      await clock.sleep(pauseMs, { signal });
    }
  }
};
