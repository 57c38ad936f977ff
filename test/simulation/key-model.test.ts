/** The model that keys and checkpoints are judged by: what it takes for true, and what it finds out. */
import { describe, expect, test } from 'vitest';
import { checkLinearizable, type Operation } from '../linearizability/checker.ts';
import type { Answer } from './state/deed.ts';
import { type KeyInput, type KeyOutput, keyModel } from './state/key-model.ts';

type Line = readonly [calledMs: number, returnedMs: number | undefined, deed: KeyInput['deed'], output?: KeyOutput];

const operationOf = ([calledAt, returnedAt = Number.POSITIVE_INFINITY, deed, output]: Line): Operation<
  KeyInput,
  KeyOutput
> => {
  const operation = { input: { deed, calledMs: calledAt, returnedMs: returnedAt }, calledAt, returnedAt };
  return output === undefined ? operation : { ...operation, output };
};
const isFine = (lines: readonly Line[]): boolean => checkLinearizable(keyModel, lines.map(operationOf)).isLinearizable;

const done = (applied: boolean, value = '', count = 0): Answer => ({ is: 'done', applied, value, count });
const wrongType: Answer = { is: 'wrong_type' };
const get = { does: 'get' } as const;
const look = { does: 'look' } as const;
const put = (value: string, ttlMs = 0) => ({ does: 'put', value, ttlMs }) as const;
const putIf = (expected: string, value: string) => ({ does: 'put_if', expected, value, ttlMs: 0 }) as const;
const add = (amount: number, bound?: number, ttlMs = 0) => ({ does: 'add', amount, bound, ttlMs }) as const;
const member = (value: string) => ({ does: 'add_member', value, ttlMs: 0 }) as const;

describe('what is fine', () => {
  test.each<[string, readonly Line[]]>([
    [
      'a conditional write says what stands in its way',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, putIf('b', 'c'), done(false, 'a')],
      ],
    ],
    [
      'a counter stays within its bounds',
      [
        [1, 2, add(2, 3), done(true, '', 2)],
        [3, 4, add(2, 3), done(false, '', 2)],
      ],
    ],
    [
      'a set is no value',
      [
        [1, 2, member('m'), done(true, '', 1)],
        [3, 4, get, wrongType],
        [5, 6, look, { is: 'set' }],
      ],
    ],
    [
      'a value is no set',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, member('m'), wrongType],
      ],
    ],
    [
      'a key vanishes between the first and the last moment it may',
      [
        [1, 20, put('a', 100), done(true)],
        [105, 118, get, done(true, 'a')],
        [119, 119.5, get, done(false)],
      ],
    ],
    [
      'a counter vanishes when it was to, however often it counts',
      [
        [1, 2, add(1, undefined, 100), done(true, '', 1)],
        [50, 51, add(1, undefined, 100), done(true, '', 2)],
        [110, 111, get, done(false)],
      ],
    ],
    [
      'a write without an answer vanishes at any time',
      [
        [1, undefined, put('a', 100)],
        [500, 501, get, done(true, 'a')],
      ],
    ],
    [
      'what is wiped is gone',
      [
        [1, 2, put('a'), done(true)],
        [3, 3, { does: 'wipe' }, { is: 'absent' }],
        [4, 5, get, done(false)],
      ],
    ],
    [
      'a snapshot without it, of a set',
      [
        [1, 2, member('m'), done(true, '', 1)],
        [3, 4, look, { is: 'no_value' }],
      ],
    ],
  ])('%s', (_, lines) => {
    expect(isFine(lines)).toBe(true);
  });
});

describe('what is not', () => {
  test.each<[string, readonly Line[]]>([
    [
      'a conditional write that ignores what is there',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, putIf('b', 'c'), done(true)],
      ],
    ],
    [
      'a counter beyond its bounds',
      [
        [1, 2, add(2, 3), done(true, '', 2)],
        [3, 4, add(2, 3), done(true, '', 4)],
      ],
    ],
    [
      'a counter that counts twice',
      [
        [1, 2, add(1), done(true, '', 1)],
        [3, 4, add(1), done(true, '', 3)],
      ],
    ],
    [
      'a member that counts twice',
      [
        [1, 2, member('m'), done(true, '', 1)],
        [3, 4, member('m'), done(true, '', 2)],
      ],
    ],
    [
      'a key that is seen when its time is over',
      [
        [1, 20, put('a', 100), done(true)],
        [122, 123, get, done(true, 'a')],
      ],
    ],
    [
      'a key that vanishes early',
      [
        [1, 20, put('a', 100), done(true)],
        [50, 99, get, done(false)],
      ],
    ],
    [
      'a key that comes back',
      [
        [1, 20, put('a', 100), done(true)],
        [105, 106, get, done(false)],
        [107, 108, get, done(true, 'a')],
      ],
    ],
    [
      'a counter that lives longer with each step',
      [
        [1, 2, add(1, undefined, 100), done(true, '', 1)],
        [50, 51, add(1, undefined, 100), done(true, '', 2)],
        [110, 111, get, done(true, '2')],
      ],
    ],
    [
      'a key that a wipe has left',
      [
        [1, 2, put('a'), done(true)],
        [3, 3, { does: 'wipe' }, { is: 'absent' }],
        [4, 5, get, done(true, 'a')],
      ],
    ],
    [
      'a page without a key that is there',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, look, { is: 'absent' }],
      ],
    ],
    [
      'a page with another value',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, look, { is: 'value', value: 'b' }],
      ],
    ],
    [
      'a snapshot without a value that is there',
      [
        [1, 2, put('a'), done(true)],
        [3, 4, look, { is: 'no_value' }],
      ],
    ],
  ])('%s', (_, lines) => {
    expect(isFine(lines)).toBe(false);
  });
});
