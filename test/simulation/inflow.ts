/** Values that a store sends into a gateway, read there as an async iteration until the signal aborts or they fail. */
export class Inflow<Value> {
  #values: Value[] = [];
  #failure: { readonly error: Error } | undefined;
  #wake: (() => void) | undefined;

  push(value: Value): void {
    this.#values.push(value);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  async *read(signal: AbortSignal): AsyncGenerator<Value> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const value = this.#values.shift();
        if (value !== undefined) yield value;
        else if (this.#failure !== undefined) throw this.#failure.error;
        else await this.#something();
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  async #something(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}
