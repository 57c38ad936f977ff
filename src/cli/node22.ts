/**
 * `AsyncDisposableStack` for Node 22, which has `Symbol.asyncDispose` but not this. The part of the proposal (TC39
 * explicit resource management) that this program uses.
 */
type Release = () => PromiseLike<void> | void;

class Stack {
  #releases: Release[] = [];
  disposed = false;

  use<Value extends AsyncDisposable>(value: Value): Value {
    this.#releases.push(() => value[Symbol.asyncDispose]());
    return value;
  }

  defer(release: Release): void {
    this.#releases.push(release);
  }

  move(): Stack {
    const moved = new Stack();
    moved.#releases = this.#releases;
    this.#releases = [];
    this.disposed = true;
    return moved;
  }

  async disposeAsync(): Promise<void> {
    this.disposed = true;
    const failures: unknown[] = [];
    for (const release of this.#releases.splice(0).toReversed())
      await Promise.resolve()
        .then(release)
        .catch((failure: unknown) => failures.push(failure));
    if (failures.length > 0) throw failures[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}

if (!('AsyncDisposableStack' in globalThis))
  Object.defineProperty(globalThis, 'AsyncDisposableStack', { value: Stack, writable: true, configurable: true });
