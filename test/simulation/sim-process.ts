/**
 * A process of the simulated world: what is scheduled in its name happens only while it runs. Stopped (SIGSTOP), it
 * finds all of that waiting when it goes on; killed, nothing of it ever happens.
 */
import type { Clock, Scheduled } from '../../src/ports/clock.ts';
import type { Scheduler } from './scheduler.ts';

export class SimProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  #state: 'running' | 'stopped' | 'dead' = 'running';
  #heldTimers: (() => void)[] = [];
  #heldArrivals: (() => void)[] = [];
  /** When it last went on after a stop; everything before is excused. */
  resumedAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.scheduler = scheduler;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Something arrives from outside. */
  at(atMs: number, run: () => void): Scheduled {
    return this.#at(atMs, run, () => this.#heldArrivals);
  }

  after(ms: number, run: () => void): Scheduled {
    return this.at(this.scheduler.nowMs + ms, run);
  }

  timer(atMs: number, run: () => void): Scheduled {
    return this.#at(atMs, run, () => this.#heldTimers);
  }

  #at(atMs: number, run: () => void, held: () => (() => void)[]): Scheduled {
    let isCancelled = false;
    const due = (): void => {
      if (isCancelled || this.#state === 'dead') return;
      if (this.#state === 'stopped') held().push(due);
      else run();
    };
    const event = this.scheduler.at(atMs, due);
    return {
      cancel: () => {
        isCancelled = true;
        event.cancel();
      },
    };
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /**
   * Goes on, with everything that came meanwhile at once, each kind in its order. Which kind an event loop looks at
   * first depends on where it was stopped.
   */
  resume({ timersFirst }: { readonly timersFirst: boolean }): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    this.resumedAtMs = this.scheduler.nowMs;
    const [timers, arrivals] = [this.#heldTimers.splice(0), this.#heldArrivals.splice(0)];
    const held = timersFirst ? [...timers, ...arrivals] : [...arrivals, ...timers];
    for (const [index, due] of held.entries()) this.scheduler.at(this.scheduler.nowMs + index * stepMs, due);
  }

  kill(): void {
    this.#state = 'dead';
    this.#heldTimers = [];
    this.#heldArrivals = [];
  }
}

/** Between two things that must not happen at once because they have an order. */
export const stepMs = 0.001;

/** What one turn of an event loop takes at least. */
const turnMs = 0.02;

/** The clock of one process. Its monotonic time runs a little fast or slow, its wall time may jump. */
export class ProcessClock implements Clock {
  readonly #process: SimProcess;
  readonly #rate: number;
  #wallMs: number;
  #lastTurnMs = 0;

  constructor(process: SimProcess, { drift, wallMs }: { readonly drift: number; readonly wallMs: number }) {
    this.#process = process;
    this.#rate = 1 + drift;
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs + this.monotonic();
  }

  monotonic(): number {
    return this.#process.scheduler.nowMs * this.#rate;
  }

  jump(ms: number): void {
    this.#wallMs += ms;
  }

  schedule(ms: number, run: () => void): Scheduled {
    const { nowMs } = this.#process.scheduler;
    if (ms > 0) return this.#process.timer(nowMs + Math.max(ms / this.#rate, turnMs), run);
    // Turns of one event loop come in order.
    this.#lastTurnMs = Math.max(this.#lastTurnMs + stepMs, nowMs + turnMs);
    return this.#process.timer(this.#lastTurnMs, run);
  }

  sleep(ms: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const abort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = this.schedule(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
    return promise;
  }
}
