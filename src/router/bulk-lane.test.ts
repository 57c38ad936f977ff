import { expect, test } from 'vitest';
import { bulkBatchBytes, bulkBytesInFlightMax } from '../model/limits.ts';
import { BulkLane } from './bulk-lane.ts';

const half = bulkBytesInFlightMax / 2;
const never = (): void => expect.unreachable('nobody has to wait');

test('small batches pass by, however full it is', () => {
  const lane = new BulkLane();
  expect(lane.enter(bulkBytesInFlightMax, never)).toBe(true);
  for (let batch = 0; batch < 100; batch += 1) expect(lane.enter(bulkBatchBytes - 1, never)).toBe(true);
});

test('a batch larger than the lane goes alone', () => {
  const lane = new BulkLane();
  expect(lane.enter(bulkBytesInFlightMax * 4, never)).toBe(true);
  expect(lane.enter(half, () => undefined)).toBe(false);
});

test('who waits is woken in turn, and each batch that left lets in as much as fits', () => {
  const lane = new BulkLane();
  const woken: string[] = [];
  const retry = (name: string) => (): void => {
    if (lane.enter(half, retry(name))) woken.push(name);
  };
  expect(lane.enter(half, never)).toBe(true);
  expect(lane.enter(half, never)).toBe(true);
  for (const name of ['a', 'b', 'c']) expect(lane.enter(half, retry(name))).toBe(false);
  lane.leave(half);
  expect(woken).toEqual(['a']);
  lane.leave(half);
  lane.leave(half);
  expect(woken).toEqual(['a', 'b', 'c']);
});
