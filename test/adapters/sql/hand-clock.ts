import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import type { Clock, Scheduled } from '../../../src/ports/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes only by `advance`, except that what is due at once happens in the next turn. */
export class HandClock implements Clock {
  #nowMs = 1_790_000_000_000;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  schedule(ms: number, run: () => void): Scheduled {
    if (ms === 0) return systemClock.schedule(0, run);
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  sleep(ms: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const slept = Promise.withResolvers<void>();
    const timer = this.schedule(ms, slept.resolve);
    signal.addEventListener('abort', () => {
      timer.cancel();
      slept.reject(signal.reason);
    });
    return slept.promise;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers)
      if (timer.atMs <= this.#nowMs) {
        this.#timers.delete(timer);
        timer.run();
      }
  }
}
