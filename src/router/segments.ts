/**
 * Derives the index of a partition's segments from what a reading shows, stretch by stretch: a stretch ends with its
 * segment, or once there is so much in it that reading it in vain would be felt. A segment is followed from its first
 * entry on, and only as far as everything in it could be read.
 */
import type { Stretch } from '../model/segment-topics.ts';
import type { Log } from '../ports/log.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import type { ReadBatch } from './read-batch.ts';

/** Offsets of a segment. What is stored depends on it. */
const segmentEntries = 1024n;

/** Of the log. Who comes back reads one stretch without an index at most, at the log's end. */
const stretchBytes = 4 * 1024 * 1024;

/** With more topics than this the rest of a segment is not indexed. */
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
  #stretches: Stretch[] = [];
  /** Of the stretch that is open. */
  #topics = new Set<number>();
  #bytes = 0;
  /** In the stretches that are closed. */
  #topicsBefore = 0;

  /** `start`: the first offset the reading can show. */
  constructor(start: bigint, deps: SegmentDeps) {
    this.#deps = deps;
    this.#segment = segmentOf(start);
    this.#isWhole = startOf(this.#segment) === start;
  }

  /** Entries in the order of their offsets, which may have gaps. */
  take({ offset, batch, bytes }: ReadBatch): void {
    const segment = segmentOf(offset);
    if (segment !== this.#segment) this.#begin(segment);
    if (batch === undefined) this.#isWhole = false;
    if (batch === undefined || !this.#isWhole) return;
    for (const group of batch.groups) this.#topics.add(group.hash);
    this.#bytes += bytes;
    if (this.#bytes >= stretchBytes) this.#close(Number(offset - startOf(segment)) + 1);
  }

  #begin(segment: number): void {
    this.#close(Number(segmentEntries));
    // What lies between was cut off by retention, or never written: nothing is known of it, nothing lost by reading it.
    this.#segment = segment;
    this.#isWhole = true;
    this.#stretches = [];
    this.#topicsBefore = 0;
  }

  #close(end: number): void {
    this.#topicsBefore += this.#topics.size;
    if (this.#topicsBefore > topicsMax) this.#isWhole = false;
    if (this.#isWhole) {
      this.#stretches.push({ end, topics: Uint32Array.from(this.#topics) });
      this.#store();
    }
    this.#topics = new Set();
    this.#bytes = 0;
  }

  #store(): void {
    const { topicIndex, partition, log } = this.#deps;
    topicIndex
      .put(partition, this.#segment, [...this.#stretches])
      .catch((cause: unknown) => log.debug('topic index could not be stored, will be derived again', { cause }));
  }
}
