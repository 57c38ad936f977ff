import { describe, expect, test } from 'vitest';
import type { SegmentTopics } from '../../src/model/segment-topics.ts';
import type { TopicIndex } from '../../src/ports/topic-index.ts';

interface Opened extends AsyncDisposable {
  readonly index: TopicIndex;
}

/** What every topic index does. Each opening is empty. */
export const topicIndexConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`topic index: ${adapter}`, () => {
    const whole = (...topics: readonly number[]): SegmentTopics => [{ end: 1024, topics: Uint32Array.from(topics) }];

    test('what was put is found where it was put, and nothing elsewhere', async () => {
      await using opened = await open();
      const { index } = opened;
      await index.put(3, 7, whole(1, 0, 0xffff_ffff));
      await index.put(3, 9, whole(42));
      expect(await index.find(3, 6, 5)).toEqual([undefined, whole(1, 0, 0xffff_ffff), undefined, whole(42), undefined]);
      expect(await index.find(4, 7, 1)).toEqual([undefined]);
    });

    test('a segment without topics is known, and so is one that is put again', async () => {
      await using opened = await open();
      const { index } = opened;
      await index.put(0, 0, whole());
      await index.put(0, 1, whole(5));
      await index.put(0, 1, whole(5));
      expect(await index.find(0, 0, 2)).toEqual([whole(), whole(5)]);
    });

    test('what reaches further replaces what does not, and never the other way round', async () => {
      await using opened = await open();
      const { index } = opened;
      const known = [
        { end: 3, topics: Uint32Array.of(1, 2) },
        { end: 40, topics: new Uint32Array() },
        { end: 1024, topics: Uint32Array.of(3) },
      ];
      for (const stretches of [1, 2, 1, 3, 2]) await index.put(2, 5, known.slice(0, stretches));
      expect(await index.find(2, 5, 1)).toEqual([known]);
    });

    test('segments far along, and with many topics', async () => {
      await using opened = await open();
      const { index } = opened;
      const topics = whole(...Array.from({ length: 65_536 }, (_, topic) => topic * 65_537));
      await index.put(15, 2 ** 40, topics);
      expect(await index.find(15, 2 ** 40, 1)).toEqual([topics]);
    });
  });
};
