/**
 * Virtual time and the one queue of everything that will happen. An event runs once all that the one before set off has
 * been handled, to the last microtask; two events never overlap, and what is due at the same moment runs in a seeded
 * order. Nothing here waits for a real timer or for I/O, so a run depends on its seed alone.
 */
import type { Scheduled } from '../../src/ports/clock.ts';
import type { Random } from './random.ts';

interface Due {
  readonly atMs: number;
  readonly rank: number;
  run: (() => void) | undefined;
}

export class Scheduler {
  readonly #random: Random;
  readonly #heap: Due[] = [];
  #nowMs = 0;
  #events = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many have run. */
  get events(): number {
    return this.#events;
  }

  at(atMs: number, run: () => void): Scheduled {
    const due: Due = { atMs: Math.max(atMs, this.#nowMs), rank: this.#random.next(), run };
    this.#push(due);
    return {
      cancel: () => {
        due.run = undefined;
      },
    };
  }

  /** Runs what is due until then, or until `isOver` says so after an event. */
  passUntil(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const step = (): void => {
      const due = isOver() ? undefined : this.#pop(untilMs);
      if (due === undefined) return resolve();
      try {
        this.#events += 1;
        due.run?.();
      } catch (thrown) {
        return reject(thrown);
      }
      // A tick comes after all microtasks; asked for from a microtask, it also comes after those of this event.
      queueMicrotask(() => process.nextTick(step));
    };
    step();
    return promise;
  }

  #pop(untilMs: number): Due | undefined {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = untilMs;
        return undefined;
      }
      this.#removeFirst();
      if (next.run === undefined) continue;
      this.#nowMs = next.atMs;
      return next;
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let place = heap.length;
    for (let above = (place - 1) >> 1; place > 0; above = (place - 1) >> 1) {
      const parent = heap[above];
      if (parent === undefined || !isBefore(due, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = due;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const child = this.#smallerChild(place);
      const found = heap[child];
      if (found === undefined || !isBefore(found, last)) break;
      heap[place] = found;
      place = child;
    }
    heap[place] = last;
  }

  #smallerChild(place: number): number {
    const left = 2 * place + 1;
    const [a, b] = [this.#heap[left], this.#heap[left + 1]];
    return a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left;
  }
}

const isBefore = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.rank < b.rank);
