import type { SegmentTopics } from '../../model/segment-topics.ts';
import type { TopicIndex } from '../../ports/topic-index.ts';

export class MemoryTopicIndex implements TopicIndex {
  readonly #segments = new Map<string, SegmentTopics>();

  put(partition: number, segment: number, topics: SegmentTopics): Promise<void> {
    const key = `${partition}:${segment}`;
    if (topics.length > (this.#segments.get(key)?.length ?? -1)) this.#segments.set(key, topics);
    return Promise.resolve();
  }

  find(partition: number, first: number, count: number): Promise<readonly (SegmentTopics | undefined)[]> {
    const segments = Array.from({ length: count }, (_, index) => this.#segments.get(`${partition}:${first + index}`));
    return Promise.resolve(segments);
  }
}
