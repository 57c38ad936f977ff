/**
 * Makes one call of many: what is added in one turn, or while a call is under way, goes together in the next. There is
 * never more than one call at a time, so the calls grow with the load by themselves.
 */
import type { Clock } from '../../ports/clock.ts';

interface GatheringDeps<Item> {
  readonly clock: Clock;
  /** All or nothing. */
  readonly flush: (items: readonly Item[]) => Promise<void>;
  readonly bytesOf: (item: Item) => number;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly settled: PromiseWithResolvers<void>;
}

const itemsPerCallMax = 1000;
const bytesPerCallMax = 4 * 1024 * 1024;

export class Gathering<Item> {
  readonly #deps: GatheringDeps<Item>;
  #waiting: Waiting<Item>[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: GatheringDeps<Item>) {
    this.#deps = deps;
  }

  /** Settles as the call it went with. */
  add(item: Item): Promise<void> {
    const settled = Promise.withResolvers<void>();
    this.#waiting.push({ item, settled });
    this.#running ??= this.#run();
    return settled.promise;
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#endOfTurn();
      const taken = this.#take();
      const failure = await this.#deps.flush(taken.map(({ item }) => item)).then(
        () => undefined,
        (cause: unknown) => ({ cause }),
      );
      for (const { settled } of taken)
        if (failure === undefined) settled.resolve();
        else settled.reject(failure.cause);
    }
    this.#running = undefined;
  }

  #endOfTurn(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.#deps.clock.schedule(0, ended.resolve);
    return ended.promise;
  }

  #take(): readonly Waiting<Item>[] {
    let count = 0;
    let bytes = 0;
    for (const { item } of this.#waiting) {
      if (count === itemsPerCallMax || bytes > bytesPerCallMax) break;
      count += 1;
      bytes += this.#deps.bytesOf(item);
    }
    return this.#waiting.splice(0, count);
  }
}
