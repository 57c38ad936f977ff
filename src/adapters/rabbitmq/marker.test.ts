import { expect, test } from 'vitest';
import { createMarker, isMarker } from './marker.ts';

test('a marker is known by its head and its length', () => {
  const marker = createMarker('0b6b4d8e-6f2f-4f0c-9d3d-2b6f8f1c2a11');
  expect(marker[0]).toBe(0xff);
  expect(isMarker(marker)).toBe(true);
  expect(isMarker(marker.subarray(0, -1))).toBe(false);
  expect(isMarker(Buffer.alloc(marker.length, 0xff))).toBe(false);
  expect(isMarker(Buffer.alloc(0))).toBe(false);
});
