/**
 * Collects what is asked until the end of the turn, and longer while so many batches are under way: under load batches
 * grow, and what each costs besides its items (system calls, wake-ups, a round trip) is shared by more of them.
 */
interface PacedBatchDeps<Item> {
  readonly underWayMax: number;
  /** Resolves when the batch has landed, whatever came of it. Never rejects. */
  readonly carryOut: (items: readonly Item[]) => Promise<unknown>;
}

export class PacedBatch<Item> {
  readonly #deps: PacedBatchDeps<Item>;
  #waiting: Item[] = [];
  #underWay = 0;
  #isScheduled = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(deps: PacedBatchDeps<Item>) {
    this.#deps = deps;
  }

  /** Items are handed over in order. */
  add(item: Item): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#underWay >= this.#deps.underWayMax) return;
    this.#isScheduled = true;
    setImmediate(() => this.#handOver());
  }

  #handOver(): void {
    const items = this.#waiting;
    this.#waiting = [];
    this.#isScheduled = false;
    this.#underWay += 1;
    void this.#deps.carryOut(items).then(() => this.#landed());
  }

  #landed(): void {
    this.#underWay -= 1;
    this.#schedule();
    if (!this.#isIdle()) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }
}
