/** The next number of each lane of one sender. */
export class Lanes {
  readonly #next = new Map<string, number>();

  /** Takes `count` numbers in a row and answers with the first. */
  take(to: string, count: number): number {
    const first = this.#next.get(to) ?? 1;
    this.#next.set(to, first + count);
    return first;
  }
}
