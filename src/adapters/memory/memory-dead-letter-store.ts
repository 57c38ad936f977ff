import type { DeadLetter, DeadLetterPage, DeadLetterStore } from '../../ports/dead-letter-store.ts';

/** Dead letters of one process, as long as it lives. */
export class MemoryDeadLetterStore implements DeadLetterStore {
  /** In the order they were buried; the number is their place. */
  readonly #letters = new Map<string, { readonly place: number; readonly letter: DeadLetter }>();
  #places = 0;

  add(letters: readonly DeadLetter[]): Promise<void> {
    for (const letter of letters)
      if (!this.#letters.has(letter.id)) this.#letters.set(letter.id, { place: (this.#places += 1), letter });
    return Promise.resolve();
  }

  list(topic: string, after: string, limit: number): Promise<DeadLetterPage> {
    const found = [...this.#letters.values()].filter(
      ({ place, letter }) => place > Number(after) && (topic === '' || letter.topic === topic),
    );
    const page = found.slice(0, limit);
    const letters = page.map(({ letter }) => letter);
    const last = page.at(-1);
    return Promise.resolve(
      found.length > limit && last !== undefined ? { letters, next: String(last.place) } : { letters },
    );
  }

  get(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return Promise.resolve(ids.flatMap((id) => this.#letters.get(id)?.letter ?? []));
  }

  remove(ids: readonly string[]): Promise<number> {
    return Promise.resolve(ids.filter((id) => this.#letters.delete(id)).length);
  }
}
