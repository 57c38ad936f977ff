/**
 * One gateway as another one sees it: looked at while somebody waits for its silence or its end.
 *
 * Silence is told to whoever joined before a look that found nobody listening, when that has been so for long enough for
 * the gateway to have noticed. Between two looks in close succession it cannot have delivered anything: one that listens
 * again waits for longer than that (`steadyMs`) before it goes on.
 */
import type { Clock } from '../ports/clock.ts';

/** For a gateway that has been cut off to notice it. */
const deafPatienceMs = 40;
/** How long a gateway that listens again goes on listening before it delivers. More than looks lie apart. */
export const steadyMs = 50;
/** A gateway that was killed is known to be within this time, first. */
const quickMs = 15;
const quickForMs = 150;

interface Follower {
  readonly sinceMs: number;
  readonly tell: () => void;
}

export class Watch {
  /** How many wait for anything. */
  waiting = 0;
  readonly #clock: Clock;
  readonly #gone = Promise.withResolvers<void>();
  readonly #followers = new Set<Follower>();
  #quickUntilMs = Number.NEGATIVE_INFINITY;
  #deafSinceMs: number | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Of looks that begin from now on. */
  silent(over: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sinceMs = this.#clock.monotonic();
    const follower: Follower = { sinceMs, tell: resolve };
    this.#followers.add(follower);
    over.addEventListener('abort', () => this.#followers.delete(follower), { once: true });
    this.#quickUntilMs = sinceMs + quickForMs;
    this.#wake();
    return promise;
  }

  get isListenedFor(): boolean {
    return this.#followers.size > 0;
  }

  /** When to look again, while that is soon. */
  get againAfterMs(): number | undefined {
    const nowMs = this.#clock.monotonic();
    if (!this.isListenedFor) return undefined;
    if (this.#deafSinceMs !== undefined)
      return Math.max(1, Math.min(quickMs, Math.ceil(this.#deafSinceMs + deafPatienceMs - nowMs)));
    return nowMs < this.#quickUntilMs ? quickMs : undefined;
  }

  async look(isHeard: () => Promise<boolean>): Promise<void> {
    const askedMs = this.#clock.monotonic();
    const heard = await isHeard();
    const answeredMs = this.#clock.monotonic();
    if (heard) this.#deafSinceMs = undefined;
    else if (askedMs - this.#lookedMs > steadyMs) this.#deafSinceMs = answeredMs;
    else this.#deafSinceMs ??= answeredMs;
    this.#lookedMs = answeredMs;
    if (this.#deafSinceMs === undefined || answeredMs - this.#deafSinceMs < deafPatienceMs) return;
    for (const follower of this.#followers) if (follower.sinceMs <= askedMs) this.#tell(follower);
  }

  leave(): void {
    for (const follower of this.#followers) this.#tell(follower);
    this.#gone.resolve();
  }

  /** Ends early when somebody joins who waits for silence. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(ms, resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.#wake = resolve;
    await promise;
    timer.cancel();
  }

  #tell(follower: Follower): void {
    this.#followers.delete(follower);
    follower.tell();
  }
}
