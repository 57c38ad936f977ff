import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLinearizable, type Model, type Operation } from './checker.ts';

/** A register of numbers with compare-and-set. */
type Input =
  | { readonly op: 'read' }
  | { readonly op: 'write'; readonly value: number }
  | { readonly op: 'cas'; readonly from: number; readonly to: number };
type Output = number | boolean;

const register: Model<number, Input, Output> = {
  initial: 0,
  step: (state, input, output) => {
    if (input.op === 'read') return output === undefined || output === state ? [state] : [];
    if (input.op === 'write') return [input.value];
    const holds = state === input.from;
    return output === undefined || output === holds ? [holds ? input.to : state] : [];
  },
  keyOf: String,
};

/** One without an answer says until when it can be done, or `undefined` for ever. */
type Line = readonly [
  calledAt: number,
  returnedAt: number | undefined | { readonly until: number },
  input: Input,
  output?: Output,
];
const history = (...lines: readonly Line[]): readonly Operation<Input, Output>[] =>
  lines.map(([calledAt, returnedAt = { until: Number.POSITIVE_INFINITY }, input, output = true]) =>
    typeof returnedAt === 'object'
      ? { input, calledAt, returnedAt: returnedAt.until }
      : { input, output, calledAt, returnedAt },
  );
const read: Input = { op: 'read' };
const write = (value: number): Input => ({ op: 'write', value });
const cas = (from: number, to: number): Input => ({ op: 'cas', from, to });
const isFine = (lines: readonly Line[]): boolean => checkLinearizable(register, history(...lines)).isLinearizable;

describe('histories that are fine', () => {
  test.each<[string, readonly Line[]]>([
    ['nothing', []],
    [
      'one after the other',
      [
        [1, 2, write(1)],
        [3, 4, read, 1],
        [5, 6, cas(1, 2), true],
        [7, 8, read, 2],
      ],
    ],
    [
      'a read beside a write sees the old',
      [
        [1, 4, write(1)],
        [2, 3, read, 0],
      ],
    ],
    [
      'a read beside a write sees the new',
      [
        [1, 4, write(1)],
        [2, 3, read, 1],
      ],
    ],
    [
      'old, then new, beside one write',
      [
        [1, 10, write(1)],
        [2, 3, read, 0],
        [4, 5, read, 1],
      ],
    ],
    [
      'one of two that compare wins',
      [
        [1, 4, cas(0, 1), true],
        [2, 3, cas(0, 2), false],
      ],
    ],
    [
      'each in turn of two that compare wins',
      [
        [1, 4, cas(0, 1), true],
        [2, 3, cas(1, 2), true],
      ],
    ],
    [
      'a write without an answer was done',
      [
        [1, undefined, write(7)],
        [5, 6, read, 7],
      ],
    ],
    [
      'a write without an answer was not done',
      [
        [1, undefined, write(7)],
        [5, 6, read, 0],
      ],
    ],
    [
      'a write without an answer is done late',
      [
        [1, undefined, write(7)],
        [5, 6, read, 0],
        [7, 8, read, 7],
      ],
    ],
    [
      'three writes at once, in an order',
      [
        [1, 9, write(1)],
        [2, 9, write(2)],
        [3, 9, write(3)],
        [10, 11, read, 2],
      ],
    ],
    [
      'a write without an answer is done in time and seen late',
      [
        [1, { until: 4 }, write(7)],
        [5, 6, read, 7],
      ],
    ],
    [
      'a write without an answer is done beside what is called before its end',
      [
        [1, { until: 4 }, write(7)],
        [3, 6, read, 0],
        [7, 8, read, 7],
      ],
    ],
    [
      'a write without an answer is never done',
      [
        [1, { until: 4 }, write(7)],
        [5, 6, read, 0],
      ],
    ],
  ])('%s', (_, lines) => {
    expect(isFine(lines)).toBe(true);
  });
});

describe('histories that are not', () => {
  test.each<[string, readonly Line[]]>([
    ['a value nobody wrote', [[1, 2, read, 5]]],
    [
      'a read after a write sees the old',
      [
        [1, 2, write(1)],
        [3, 4, read, 0],
      ],
    ],
    [
      'new, then old, beside one write',
      [
        [1, 10, write(1)],
        [2, 3, read, 1],
        [4, 5, read, 0],
      ],
    ],
    [
      'two that compare both win',
      [
        [1, 4, cas(0, 1), true],
        [2, 3, cas(0, 2), true],
      ],
    ],
    [
      'none of two that compare wins',
      [
        [1, 4, cas(0, 1), false],
        [2, 3, cas(0, 2), false],
      ],
    ],
    [
      'an update is lost',
      [
        [1, 2, cas(0, 1), true],
        [3, 4, cas(1, 2), true],
        [5, 6, read, 1],
      ],
    ],
    [
      'two readers see two orders',
      [
        [1, 20, write(1)],
        [2, 20, write(2)],
        [3, 4, read, 1],
        [5, 6, read, 2],
        [7, 8, read, 1],
      ],
    ],
    [
      'a write without an answer is undone',
      [
        [1, undefined, write(7)],
        [3, 4, read, 7],
        [5, 6, read, 0],
      ],
    ],
    [
      'a write without an answer is done before it was asked',
      [
        [1, 2, read, 7],
        [3, undefined, write(7)],
      ],
    ],
    [
      'a write without an answer is done when it no longer can be',
      [
        [1, { until: 4 }, write(7)],
        [5, 6, read, 0],
        [7, 8, read, 7],
      ],
    ],
  ])('%s', (_, lines) => {
    expect(isFine(lines)).toBe(false);
  });

  test('says how far it got', () => {
    const lines: Line[] = [
      [1, 2, write(1)],
      [3, 4, read, 1],
      [5, 6, read, 0],
    ];
    expect(checkLinearizable(register, history(...lines))).toEqual({ isLinearizable: false, explained: 2, of: 3 });
  });
});

/** Tries every order of every choice: hopeless beyond a few operations, and plainly right. */
const isFineByTrying = (operations: readonly Operation<Input, Output>[], state = 0): boolean => {
  if (operations.every((operation) => !('output' in operation))) return true;
  return operations.some((operation, index) => {
    const rest = operations.toSpliced(index, 1);
    if (!('output' in operation) && isFineByTrying(rest, state)) return true;
    const isNext = rest.every((other) => other.returnedAt >= operation.calledAt);
    return isNext && register.step(state, operation.input, operation.output).some((next) => isFineByTrying(rest, next));
  });
};

const someInput = fc.oneof(
  fc.constant(read),
  fc.constantFrom(1, 2).map(write),
  fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(1, 2)).map(([from, to]) => cas(from, to)),
);
const someOperation = fc
  .tuple(
    someInput,
    fc.constantFrom(0, 1, 2),
    fc.boolean(),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 1, max: 8 }),
  )
  .map(([input, seen, won, calledAt, lasts]): Operation<Input, Output> => {
    const times = { calledAt, returnedAt: calledAt + lasts };
    if (lasts === 8) return { input, calledAt, returnedAt: Number.POSITIVE_INFINITY };
    if (lasts === 7) return { input, calledAt, returnedAt: calledAt + 3 };
    return { input, output: input.op === 'read' ? seen : won, ...times };
  });

test('agrees with trying everything, on small histories of any kind', () => {
  const verdicts = { fine: 0, not: 0 };
  fc.assert(
    fc.property(fc.array(someOperation, { maxLength: 6 }), (operations) => {
      const expected = isFineByTrying(operations);
      verdicts[expected ? 'fine' : 'not'] += 1;
      expect(checkLinearizable(register, operations).isLinearizable).toBe(expected);
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(verdicts.fine, verdicts.not)).toBeGreaterThan(100);
});

test('a long history of many clients is checked in a blink, and one planted fault in it is found', () => {
  const lines: Line[] = [];
  for (let n = 0; n < 2000; n += 1) lines.push([4 * n, 4 * n + 9, n % 3 === 0 ? write(n) : read, n - (n % 3)]);
  expect(isFine(lines)).toBe(true);
  const [calledAt, returnedAt] = lines[1500] ?? [0, 0];
  expect(isFine(lines.with(1501, [calledAt, returnedAt, read, 3]))).toBe(false);
});
