import { expect, test } from 'vitest';
import { batchComfortBytes, batchHoldMsMax } from '../model/limits.ts';
import { Pace } from './pace.ts';

const small = 300;

/** A partition that closed batches of `records` every millisecond while each took `confirmMs` to be confirmed. */
const paceAfter = (records: number, confirmMs: number): { readonly pace: Pace; readonly nowMs: number } => {
  const pace = new Pace();
  for (let nowMs = 0; nowMs < 100; nowMs += 1) {
    pace.closed(records, nowMs);
    pace.confirmed(confirmMs);
  }
  return { pace, nowMs: 99 };
};

test('the first batch goes at once', () => {
  expect(new Pace().holdMs(small, 0)).toBe(0);
});

test('a partition with little to do never waits, however slow the log', () => {
  const { pace, nowMs } = paceAfter(1, 1000);
  expect(pace.holdMs(small, nowMs)).toBe(0);
});

test('a busy one waits longer the longer confirms take, counted from the last batch', () => {
  const [quick, slow] = [paceAfter(10, 0.5), paceAfter(10, 4)];
  expect(quick.pace.holdMs(small, quick.nowMs)).toBeCloseTo(1, 3);
  expect(slow.pace.holdMs(small, slow.nowMs)).toBeCloseTo(8, 3);
  expect(slow.pace.holdMs(small, slow.nowMs + 3)).toBeCloseTo(5, 3);
  expect(slow.pace.holdMs(small, slow.nowMs + 9)).toBe(0);
});

test('never longer than its bound, and not at all with enough bytes', () => {
  const { pace, nowMs } = paceAfter(10, 10_000);
  expect(pace.holdMs(small, nowMs)).toBe(batchHoldMsMax);
  expect(pace.holdMs(batchComfortBytes, nowMs)).toBe(0);
});

test('one that was busy and no longer is goes at once again', () => {
  const { pace, nowMs } = paceAfter(10, 10_000);
  pace.closed(1, nowMs + 100);
  expect(pace.holdMs(small, nowMs + 100)).toBe(0);
});
