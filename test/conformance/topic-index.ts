import { describe, expect, test } from 'vitest';
import type { TopicIndex } from '../../src/ports/topic-index.ts';

interface Opened extends AsyncDisposable {
  readonly index: TopicIndex;
}

/** What every topic index does. Each opening is empty. */
export const topicIndexConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`topic index: ${adapter}`, () => {
    test('what was put is found where it was put, and nothing elsewhere', async () => {
      await using opened = await open();
      const { index } = opened;
      await index.put(3, 7, Uint32Array.of(1, 0, 0xffff_ffff));
      await index.put(3, 9, Uint32Array.of(42));
      expect(await index.find(3, 6, 5)).toEqual([
        undefined,
        Uint32Array.of(1, 0, 0xffff_ffff),
        undefined,
        Uint32Array.of(42),
        undefined,
      ]);
      expect(await index.find(4, 7, 1)).toEqual([undefined]);
    });

    test('a segment without topics is known, and so is one that is put again', async () => {
      await using opened = await open();
      const { index } = opened;
      await index.put(0, 0, new Uint32Array());
      await index.put(0, 1, Uint32Array.of(5));
      await index.put(0, 1, Uint32Array.of(5));
      expect(await index.find(0, 0, 2)).toEqual([new Uint32Array(), Uint32Array.of(5)]);
    });

    test('segments far along, and with many topics', async () => {
      await using opened = await open();
      const { index } = opened;
      const topics = Uint32Array.from({ length: 65_536 }, (_, topic) => topic * 65_537);
      await index.put(15, 2 ** 40, topics);
      expect(await index.find(15, 2 ** 40, 1)).toEqual([topics]);
    });
  });
};
