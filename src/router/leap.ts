/**
 * How far a catch-up scan may leap: over stretches the index knows, in which none of the topics wanted occurs. What the
 * index does not know is read.
 */
import type { SegmentTopics, Stretch } from '../model/segment-topics.ts';
import type { Log } from '../ports/log.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import { segmentOf, startOf } from './segments.ts';

/** Segments asked for at once. */
const pageSegments = 64;

export interface LeapDeps {
  readonly partition: number;
  readonly topicIndex: TopicIndex;
  readonly log: Log;
}

export class Leaper {
  readonly #deps: LeapDeps;
  #first = 0;
  #page: readonly (SegmentTopics | undefined)[] = [];

  constructor(deps: LeapDeps) {
    this.#deps = deps;
  }

  /** Whether what is known reaches to this offset; if not, `load` before `over`. */
  knows(offset: bigint): boolean {
    const segment = segmentOf(offset);
    return segment >= this.#first && segment < this.#first + this.#page.length;
  }

  /** Never rejects: without an index everything is read. */
  async load(offset: bigint): Promise<void> {
    const { partition, topicIndex, log } = this.#deps;
    const first = segmentOf(offset);
    try {
      this.#page = await topicIndex.find(partition, first, pageSegments);
    } catch (cause) {
      log.debug('topic index could not be asked: everything is read', { partition, cause });
      this.#page = Array.from({ length: pageSegments }, () => undefined);
    }
    this.#first = first;
  }

  /** The next offset from `offset` on, as far as is known, that must be read for one of these topics. */
  over(offset: bigint, wants: (topic: number) => boolean): bigint {
    let at = offset;
    for (;;) {
      const stretch = this.#stretchAt(at);
      if (stretch === undefined || stretch.topics.some(wants)) return at;
      at = startOf(segmentOf(at)) + BigInt(stretch.end);
    }
  }

  /** Whether a stretch, known or not, may begin here: the places where it pays to ask how far one may leap. */
  isSeam(offset: bigint): boolean {
    const within = withinSegment(offset);
    return within === 0 || (this.#page[segmentOf(offset) - this.#first]?.some(({ end }) => end === within) ?? false);
  }

  #stretchAt(offset: bigint): Stretch | undefined {
    const within = withinSegment(offset);
    return this.#page[segmentOf(offset) - this.#first]?.find(({ end }) => end > within);
  }
}

const withinSegment = (offset: bigint): number => Number(offset - startOf(segmentOf(offset)));
