/**
 * How many keys spaces have, kept by whoever alone changes them, so that making a key does not count the others. The
 * numbers are never too small: what expires or is purged is noticed when a space seems full, and is counted again.
 */
import type { KvSpace } from '../../model/kv-command.ts';

interface Known {
  count: number;
  /** When all of them were counted. */
  countedAtMs: number;
}

/** Spaces whose numbers are kept; of more, those that were counted first are counted again. */
const knownMax = 10_000;
/** A full space is counted again after a millisecond for so many keys, so that it takes a small part of the time. */
const keysPerMs = 100;

export class KvKeyCounts {
  readonly #count: (space: KvSpace, nowMs: number) => number;
  readonly #known = new Map<string, Known>();

  /** `count` counts the keys that a space has at a time. */
  constructor(count: (space: KvSpace, nowMs: number) => number) {
    this.#count = count;
  }

  isFull(space: KvSpace, keysMax: number, nowMs: number): boolean {
    const known = this.#known.get(nameOf(space)) ?? this.#begin(space, nowMs);
    if (known.count < keysMax) return false;
    const isRecent = nowMs - known.countedAtMs < Math.floor(known.count / keysPerMs);
    if (!isRecent) {
      known.count = this.#count(space, nowMs);
      known.countedAtMs = nowMs;
    }
    return known.count >= keysMax;
  }

  /** The space has one key more or less. */
  add(space: KvSpace, amount: 1 | -1): void {
    const known = this.#known.get(nameOf(space));
    if (known !== undefined) known.count += amount;
  }

  /** What has been added may not have happened. */
  forget(): void {
    this.#known.clear();
  }

  #begin(space: KvSpace, nowMs: number): Known {
    for (const first of this.#known.keys()) {
      if (this.#known.size < knownMax) break;
      this.#known.delete(first);
    }
    const known = { count: this.#count(space, nowMs), countedAtMs: nowMs };
    this.#known.set(nameOf(space), known);
    return known;
  }
}

const nameOf = ({ owner, name }: KvSpace): string => `${owner}\n${name}`;
