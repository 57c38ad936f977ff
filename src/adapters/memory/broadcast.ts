/** Values sent to everybody who listens at that moment, in order. A listener that falls too far behind misses some. */
export class Broadcast<Value> {
  readonly #listeners = new Set<(value: Value) => void>();

  send(value: Value): void {
    for (const listener of this.#listeners) listener(value);
  }

  /** From the call on. */
  listen(signal: AbortSignal): AsyncGenerator<Value> {
    const queue: Value[] = [];
    const wake = { up: Promise.withResolvers<void>() };
    const listener = (value: Value): void => {
      if (queue.length < queuedMax) queue.push(value);
      wake.up.resolve();
    };
    const stop = (): void => {
      this.#listeners.delete(listener);
      wake.up.resolve();
    };
    if (!signal.aborted) this.#listeners.add(listener);
    signal.addEventListener('abort', stop, { once: true });
    return take(queue, wake, signal);
  }
}

const queuedMax = 10_000;

async function* take<Value>(
  queue: Value[],
  wake: { up: PromiseWithResolvers<void> },
  signal: AbortSignal,
): AsyncGenerator<Value> {
  while (!signal.aborted) {
    for (let value = queue.shift(); value !== undefined; value = queue.shift()) yield value;
    await wake.up.promise;
    wake.up = Promise.withResolvers();
  }
}
