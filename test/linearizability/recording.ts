import { FabricError } from '../../src/model/error.ts';
import type { Operation } from './checker.ts';

/** Writes down what concurrent clients ask and are answered, in the order in which it happens in this process. */
export class Recording<Input, Output> {
  readonly #operations: Operation<Input, Output>[] = [];
  #moment = 0;

  /** Asks; a failure of the store leaves the operation without an answer, for it may have been done. */
  async ask(input: Input, ask: () => Promise<Output>): Promise<Output | undefined> {
    const calledAt = (this.#moment += 1);
    try {
      const output = await ask();
      this.#operations.push({ input, output, calledAt, returnedAt: (this.#moment += 1) });
      return output;
    } catch (thrown) {
      if (!(thrown instanceof FabricError) || thrown.reason !== 'STORE_UNAVAILABLE') throw thrown;
      this.#operations.push({ input, calledAt, returnedAt: Number.POSITIVE_INFINITY });
      // A client that tries again at once would leave the driver no turn to hear that its connection is lost.
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    }
  }

  get history(): readonly Operation<Input, Output>[] {
    return this.#operations;
  }

  /** One history for each key: operations on different keys do not constrain each other. */
  by(keyOf: (input: Input) => string): ReadonlyMap<string, readonly Operation<Input, Output>[]> {
    return Map.groupBy(this.#operations, ({ input }) => keyOf(input));
  }

  get unanswered(): number {
    return this.#operations.filter((operation) => !('output' in operation)).length;
  }
}
