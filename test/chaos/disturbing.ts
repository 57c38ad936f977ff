/** Carries out disturbances, and writes down when each began and ended. */
import type { Disturbed } from '../history/event.ts';
import { type Counts, nowMs } from './load/recorder.ts';
import { type Plan, stepsOf, type Track, tracks } from './schedule.ts';
import { type Fault, passing, type Stage } from './stage.ts';

export class Disturbing {
  readonly stage: Stage;
  readonly done: Disturbed[] = [];
  /** Aborts when it is to come to an end: what goes on is undone at once. */
  readonly signal: AbortSignal;
  readonly #now = new Set<string>();

  constructor(stage: Stage, signal: AbortSignal) {
    this.stage = stage;
    this.signal = signal;
  }

  /** What goes on at the moment, for a reader. */
  get present(): readonly string[] {
    return [...this.#now];
  }

  /** Resolves when so many more of something have been told of: the load is going. */
  async flowing(amount: number, of: keyof Counts = 'delivered'): Promise<void> {
    const { crowd } = this.stage;
    const enough = crowd.progress[of] + amount;
    while (crowd.progress[of] < enough && !this.signal.aborted) await crowd.progressed();
  }

  /** Resolves when it has been undone, which is after so many milliseconds or when `lasting` resolves. */
  async inject(fault: Fault, target: string, lasting: number | (() => Promise<void>)): Promise<void> {
    const { kind } = fault;
    const name = `${kind} ${target}`;
    const at = nowMs();
    this.#now.add(name);
    try {
      const pass = typeof lasting === 'function' ? lasting : () => passing(lasting, this.signal);
      await fault.inject(this.stage, target, pass);
    } catch (cause) {
      throw new Error(`${name} went wrong`, { cause });
    } finally {
      this.#now.delete(name);
    }
    this.done.push({ e: 'disturbed', at, until: nowMs(), kind, target });
  }

  /** Goes through a plan until the signal aborts. */
  async follow(faults: readonly Fault[], plan: Omit<Plan, 'kinds'>): Promise<void> {
    await Promise.all(tracks.map((track) => this.#followTrack(faults, plan, track)));
  }

  async #followTrack(faults: readonly Fault[], plan: Omit<Plan, 'kinds'>, track: Track): Promise<void> {
    const kinds = faults.map((fault) => ({ ...fault, targets: fault.targets(this.stage) }));
    for (const { kind, target, lastsMs, afterMs } of stepsOf({ ...plan, kinds }, track)) {
      await passing(afterMs, this.signal);
      const fault = faults.find((one) => one.kind === kind);
      if (this.signal.aborted || fault === undefined) return;
      await this.inject(fault, target, lastsMs);
    }
  }
}
