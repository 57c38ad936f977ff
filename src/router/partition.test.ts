import { expect, test } from 'vitest';
import { topic } from '../model/topic.ts';
import { hashOf, partitionOf } from './partition.ts';

test('the hash is FNV-1a and never changes: it decides where stored messages are', () => {
  expect([hashOf(''), hashOf('a'), hashOf('foobar'), hashOf('ag::w::i::s')]).toEqual([
    0x811c9dc5, 0xe40c292c, 0xbf9cf968, 2071064474,
  ]);
});

test('with a spread of one a workspace is one partition; with a full spread it is all', () => {
  const topics = Array.from({ length: 500 }, (_, index) => topic(`ag::shop::impl::${index}`));
  const narrow = new Set(topics.map((one) => partitionOf(one, { partitions: 64, spread: 1 })));
  const wide = new Set(topics.map((one) => partitionOf(one, { partitions: 16, spread: 16 })));
  expect(narrow.size).toBe(1);
  expect(wide.size).toBe(16);
});

test('a person is together wherever the window', () => {
  const places = ['us::alice::1', 'us::alice::2', 'uu::alice', 'pg::us::alice'].map((text) =>
    partitionOf(topic(text), { partitions: 1024, spread: 1 }),
  );
  expect(new Set(places).size).toBe(1);
});

test('topics are spread evenly', () => {
  const counts = new Map<number, number>();
  for (let index = 0; index < 16_000; index += 1) {
    const at = partitionOf(topic(`ag::w${index % 40}::worker::${index}`), { partitions: 16, spread: 16 });
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
});
