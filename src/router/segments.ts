/**
 * Derives the index of a partition's segments from what a reading shows. A segment is stored once it has been seen from
 * its first offset to its last, and not where something in it could not be read.
 */
import type { Log } from '../ports/log.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import type { ReadBatch } from './read-batch.ts';

/** Offsets of a segment. Stored segments depend on it: another length needs another name for the index. */
const segmentEntries = 1024n;

/** With more topics than this a segment helps nobody and is not indexed. */
const topicsMax = 65_536;

export const segmentOf = (offset: bigint): number => Number(offset / segmentEntries);

export const startOf = (segment: number): bigint => BigInt(segment) * segmentEntries;

interface SegmentDeps {
  readonly partition: number;
  readonly topicIndex: TopicIndex;
  readonly log: Log;
}

/** Of one reading: begins anew wherever the next one does. */
export class Segments {
  readonly #deps: SegmentDeps;
  #segment: number;
  /** Whether everything from the segment's first offset on has been seen and could be read. */
  #isWhole: boolean;
  #topics = new Set<number>();

  /** `start`: the first offset the reading can show. */
  constructor(start: bigint, deps: SegmentDeps) {
    this.#deps = deps;
    this.#segment = segmentOf(start);
    this.#isWhole = startOf(this.#segment) === start;
  }

  /** Entries in the order of their offsets, which may have gaps. */
  take({ offset, batch }: ReadBatch): void {
    const segment = segmentOf(offset);
    if (segment !== this.#segment) this.#begin(segment);
    if (batch === undefined) this.#isWhole = false;
    else for (const group of batch.groups) this.#topics.add(group.hash);
  }

  #begin(segment: number): void {
    if (this.#isWhole && this.#topics.size <= topicsMax) this.#store();
    // What lies between was cut off by retention, or never written: nothing is known of it, nothing lost by reading it.
    this.#segment = segment;
    this.#isWhole = true;
    this.#topics = new Set();
  }

  #store(): void {
    const { topicIndex, partition, log } = this.#deps;
    topicIndex
      .put(partition, this.#segment, Uint32Array.from(this.#topics))
      .catch((cause: unknown) => log.debug('topic index could not be stored, will be derived again', { cause }));
  }
}
