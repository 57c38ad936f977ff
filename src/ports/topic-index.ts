import type { SegmentTopics } from '../model/segment-topics.ts';

/**
 * Which topics occur in which segment of a log's partitions, so that whoever was away long is not shown everybody
 * else's messages. A segment is a run of offsets of fixed length, counted from 0. Derived from the log by whoever reads it,
 * and never the truth: what is not here is read.
 */
export interface TopicIndex {
  /** May be stored any number of times, by anybody, in any order: what is known already is not replaced by less. */
  put(partition: number, segment: number, topics: SegmentTopics): Promise<void>;
  /** Of `count` segments from `first` on; `undefined` where nothing is known. */
  find(partition: number, first: number, count: number): Promise<readonly (SegmentTopics | undefined)[]>;
}
