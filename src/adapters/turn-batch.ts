/** Collects what is asked in one turn of the event loop and hands it over at the turn's end, in order. */
export class TurnBatch<Item> {
  #items: Item[] = [];
  readonly #handOver: (items: readonly Item[]) => void;

  constructor(handOver: (items: readonly Item[]) => void) {
    this.#handOver = handOver;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length === 1) setImmediate(() => this.#end());
  }

  /** Runs after everything that has been added is handed over. */
  afterwards(run: () => void): void {
    setImmediate(run);
  }

  #end(): void {
    const items = this.#items;
    this.#items = [];
    this.#handOver(items);
  }
}
