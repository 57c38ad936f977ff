import { recentBytesMax } from '../model/limits.ts';
import type { ReadBatch } from './read-batch.ts';

/** The newest of consecutive entries, as many as fit into `recentBytesMax`. */
export class KeptEntries {
  #entries: ReadBatch[] = [];
  /** What lies before it in `#entries` has made room; it is cut off now and then, not with each entry. */
  #first = 0;
  #bytes = 0;
  #from: bigint;

  constructor(from: bigint) {
    this.#from = from;
  }

  /** Nothing from this offset on is missing. */
  get from(): bigint {
    return this.#from;
  }

  /** The next entry; the oldest make room for it, and it is kept however large. */
  push(read: ReadBatch): void {
    this.#entries.push(read);
    this.#bytes += read.bytes;
    while (this.#bytes > recentBytesMax && this.#first < this.#entries.length - 1) this.#drop();
    if (this.#first * 2 > this.#entries.length) this.#cut();
  }

  /** Takes in what lies before, the newest first, as far as there is room. `earlier` reaches at least to `from`. */
  prepend(earlier: KeptEntries): void {
    const older = Array.from(earlier).filter(({ offset }) => offset < this.#from);
    let take = older.length;
    for (let entry = older[take - 1]; entry !== undefined; entry = older[take - 1]) {
      if (this.#bytes + entry.bytes > recentBytesMax) break;
      this.#bytes += entry.bytes;
      take -= 1;
    }
    const taken = older.slice(take);
    this.#cut();
    this.#entries = [...taken, ...this.#entries];
    if (take > 0) this.#from = taken[0]?.offset ?? this.#from;
    else if (earlier.#from < this.#from) this.#from = earlier.#from;
  }

  *[Symbol.iterator](): Iterator<ReadBatch> {
    for (let at = this.#first; at < this.#entries.length; at += 1) {
      const entry = this.#entries[at];
      if (entry !== undefined) yield entry;
    }
  }

  #drop(): void {
    this.#bytes -= this.#entries[this.#first]?.bytes ?? 0;
    this.#first += 1;
    this.#from = this.#entries[this.#first]?.offset ?? this.#from;
  }

  #cut(): void {
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
