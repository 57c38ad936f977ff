/** First in, first out, both in constant time. */
export class Fifo<T extends object> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length || this.#head >= 1024) this.#compact();
    return item;
  }

  /** Keeps only what the test holds for. */
  retain(test: (item: T) => boolean): void {
    this.#items = this.#items.filter((item) => item !== undefined && test(item));
    this.#head = 0;
  }

  #compact(): void {
    if (this.#head < this.#items.length && this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
