import type { Hint, Hints } from '../../ports/hints.ts';

/** Hints between the gateways of one process. */
export class MemoryHints implements Hints {
  readonly #listeners = new Set<(hint: Hint) => void>();

  publish(hint: Hint): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener(hint));
  }

  subscribe(listener: (hint: Hint) => void, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    return Promise.resolve();
  }
}
