/** Values sent to everybody who listens at that moment, in order. A listener that falls too far behind misses some. */
export class Broadcast<Value> {
  readonly #listeners = new Set<(value: Value) => void>();

  send(value: Value): void {
    for (const listener of this.#listeners) listener(value);
  }

  async *listen(signal: AbortSignal): AsyncGenerator<Value> {
    const queue: Value[] = [];
    let wake = Promise.withResolvers<void>();
    const listener = (value: Value): void => {
      if (queue.length < queuedMax) queue.push(value);
      wake.resolve();
    };
    const stop = (): void => wake.resolve();
    this.#listeners.add(listener);
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        for (let value = queue.shift(); value !== undefined; value = queue.shift()) yield value;
        await wake.promise;
        wake = Promise.withResolvers();
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', stop);
    }
  }
}

const queuedMax = 10_000;
