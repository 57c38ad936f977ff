/**
 * One direction of a client's connection: what goes in comes out after a while, in order, unless the direction stands
 * still, when it waits, or the receiving process is gone, when it is lost. Like TCP it loses nothing in the middle.
 */
import type { Random } from './random.ts';
import { type SimProcess, stepMs } from './sim-process.ts';

export class Pipe {
  readonly #to: SimProcess;
  readonly #random: Random;
  readonly #latencyMs: number;
  /** On its way, the next to arrive first. */
  readonly #moving: (() => void)[] = [];
  #lastMs = 0;
  #heldUntilMs = 0;
  #isClosed = false;

  constructor(to: SimProcess, random: Random, latencyMs: number) {
    this.#to = to;
    this.#random = random;
    this.#latencyMs = latencyMs;
  }

  /** When it last began to move again after standing still; in the future while it does. */
  get stalledUntilMs(): number {
    return this.#heldUntilMs;
  }

  carry(arrive: () => void): void {
    if (this.#isClosed) return;
    this.#moving.push(arrive);
    this.#bringNextAt(this.#to.scheduler.nowMs + this.#random.latency(this.#latencyMs) / 2);
  }

  stall(untilMs: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, untilMs);
  }

  /** Nothing more comes out, not even what is on its way. */
  close(): void {
    this.#isClosed = true;
  }

  #bringNextAt(atMs: number): void {
    this.#lastMs = Math.max(this.#lastMs + stepMs, atMs, this.#heldUntilMs);
    this.#to.at(this.#lastMs, () => {
      if (this.#isClosed) return;
      if (this.#heldUntilMs > this.#to.scheduler.nowMs) this.#bringNextAt(this.#heldUntilMs);
      else this.#moving.shift()?.();
    });
  }
}
