/** First in, first out, at constant cost: an array whose head moves on and which is cut now and then. */
export class Fifo<Item> {
  #items: Item[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) this.replace(this.#items.slice(this.#head));
    else if (this.#head === this.#items.length) this.replace([]);
    return item;
  }

  replace(items: Item[]): void {
    this.#items = items;
    this.#head = 0;
  }
}
