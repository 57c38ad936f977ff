import type { Clock } from '../ports/clock.ts';

/** Does what is left to the end of a turn in one go, so that what all partitions append in a turn leaves together. */
export class TurnEnd {
  readonly #clock: Pick<Clock, 'schedule'>;
  #tasks = new Set<() => void>();

  constructor(clock: Pick<Clock, 'schedule'>) {
    this.#clock = clock;
  }

  /** Runs `task` when this turn ends, once however often it is asked for. */
  add(task: () => void): void {
    if (this.#tasks.size === 0) this.#clock.schedule(0, this.#run);
    this.#tasks.add(task);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = new Set();
    for (const task of tasks) task();
  };
}
