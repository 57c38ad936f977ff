import { expect, test } from 'vitest';
import { recentBytesMax } from '../model/limits.ts';
import { KeptEntries } from './kept-entries.ts';

const entry = (offset: bigint, bytes = 1) => ({ offset, batch: undefined, bytes });
const filled = (from: bigint, offsets: readonly bigint[], bytes?: number): KeptEntries => {
  const kept = new KeptEntries(from);
  for (const offset of offsets) kept.push(entry(offset, bytes));
  return kept;
};
const offsetsOf = (kept: KeptEntries): bigint[] => Array.from(kept, ({ offset }) => offset);
const third = Math.floor(recentBytesMax / 3);

test('reaches back to where it began, also over offsets nothing stands at, until something is dropped', () => {
  expect(filled(3n, [5n, 6n]).from).toBe(3n);
  const full = filled(3n, [5n, 6n, 7n, 8n], third);
  expect([full.from, offsetsOf(full)]).toEqual([6n, [6n, 7n, 8n]]);
});

test('one that is larger than all there is room for is kept alone', () => {
  const kept = filled(0n, [1n, 2n], recentBytesMax + 1);
  expect([kept.from, offsetsOf(kept)]).toEqual([2n, [2n]]);
});

test('what lies before is taken in without what is there already', () => {
  const kept = filled(10n, [10n, 11n]);
  kept.prepend(filled(4n, [6n, 9n, 10n, 11n]));
  expect([kept.from, offsetsOf(kept)]).toEqual([4n, [6n, 9n, 10n, 11n]]);
});

test('of what lies before the newest is taken in, as far as there is room', () => {
  const kept = filled(10n, [10n, 11n], third);
  kept.prepend(filled(4n, [6n, 9n], third));
  expect([kept.from, offsetsOf(kept)]).toEqual([9n, [9n, 10n, 11n]]);
  kept.prepend(filled(4n, [6n, 9n], third));
  expect([kept.from, offsetsOf(kept)]).toEqual([9n, [9n, 10n, 11n]]);
});
