/**
 * Whether a history of concurrent operations could have come about by doing them one after the other, each at some moment
 * between its call and its return (Wing and Gong's search, remembering where it has been as Lowe does).
 */

export interface Operation<Input, Output> {
  readonly input: Input;
  /** Absent where it never returned: it may have been done at any time after its call, or not at all. */
  readonly output?: Output;
  /** Places in the one order of all calls and returns. */
  readonly calledAt: number;
  /** Of one that never returned: infinite, or from when on it can no longer be done. */
  readonly returnedAt: number;
}

export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The states it may lead to; none if the output cannot be. Without an output, all that are possible. */
  readonly step: (state: State, input: Input, output: Output | undefined) => readonly State[];
  /** Equal for equal states. */
  readonly keyOf: (state: State) => string;
}

export type Verdict =
  | { readonly isLinearizable: true }
  /** The longest way that could be explained; what is called next in none of its continuations can be. */
  | { readonly isLinearizable: false; readonly explained: number; readonly of: number };

/** Marks which operations have been done. */
class Done {
  readonly #bits: Uint32Array;

  constructor(count: number) {
    this.#bits = new Uint32Array(Math.ceil(count / 32));
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  flip(index: number): void {
    const at = index >>> 5;
    this.#bits[at] = (this.#bits[at] ?? 0) ^ (1 << (index & 31));
  }

  key(): string {
    return this.#bits.join(' ');
  }
}

interface Frame<State> {
  /** What was done to come here; -1 at the start. */
  readonly index: number;
  readonly state: State;
  /** What is still to be tried from here. */
  readonly choices: { readonly index: number; readonly state: State }[];
}

export const checkLinearizable = <State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Verdict => {
  const operations = history.toSorted((one, other) => one.calledAt - other.calledAt);
  const needed = operations.filter((operation) => 'output' in operation).length;
  const done = new Done(operations.length);
  const visited = new Set<string>();
  let completed = 0;
  let explained = 0;

  /** Whatever was called before the first return among what is left may be next. */
  const choicesIn = (state: State): Frame<State>['choices'] => {
    const choices: Frame<State>['choices'] = [];
    let firstReturn = Number.POSITIVE_INFINITY;
    let lastCall = Number.NEGATIVE_INFINITY;
    for (const [index, operation] of operations.entries()) {
      if (operation.calledAt > firstReturn) break;
      if (done.has(index)) {
        lastCall = operation.calledAt;
        continue;
      }
      if ('output' in operation) firstReturn = Math.min(firstReturn, operation.returnedAt);
      // What has no answer and changes nothing need not have been done.
      for (const next of model.step(state, operation.input, operation.output))
        if ('output' in operation || model.keyOf(next) !== model.keyOf(state)) choices.push({ index, state: next });
    }
    // Those that have returned first: the others need not be done at all, and too late they cannot be.
    return choices
      .filter(({ index }) => 'output' in at(index) || at(index).returnedAt >= lastCall)
      .toSorted((one, other) => Number('output' in at(other.index)) - Number('output' in at(one.index)));
  };
  const at = (index: number): Operation<Input, Output> => {
    const operation = operations[index];
    if (operation === undefined) throw new RangeError(`operation ${index}`);
    return operation;
  };
  const mark = (index: number, by: 1 | -1): void => {
    done.flip(index);
    if ('output' in at(index)) completed += by;
  };

  const stack: Frame<State>[] = [{ index: -1, state: model.initial, choices: choicesIn(model.initial) }];
  while (completed < needed) {
    const frame = stack.at(-1);
    if (frame === undefined) return { isLinearizable: false, explained, of: needed };
    const choice = frame.choices.shift();
    if (choice === undefined) {
      stack.pop();
      if (frame.index >= 0) mark(frame.index, -1);
      continue;
    }
    mark(choice.index, 1);
    const place = `${done.key()}|${model.keyOf(choice.state)}`;
    if (visited.has(place)) {
      mark(choice.index, -1);
      continue;
    }
    visited.add(place);
    explained = Math.max(explained, completed);
    stack.push({ index: choice.index, state: choice.state, choices: choicesIn(choice.state) });
  }
  return { isLinearizable: true };
};
