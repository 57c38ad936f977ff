/** The live end of one partition: entries as they become durable, for the readings that have come this far. */
import type { FabricError } from '../../model/error.ts';
import type { LogEntry } from '../../ports/message-log.ts';

export interface Tail {
  offer(entry: LogEntry, offset: number): void;
  /** No more entries will come, because of `failure` where there is one. */
  end(failure?: FabricError): void;
}

export class LogPartition {
  readonly index: number;
  readonly #tails = new Set<Tail>();
  #next: number;

  constructor(index: number, next: number) {
    this.index = index;
    this.#next = next;
  }

  /** The offset of the next entry. */
  get next(): number {
    return this.#next;
  }

  /** From now on `tail` gets every entry from offset `next` on. */
  join(tail: Tail): void {
    this.#tails.add(tail);
  }

  leave(tail: Tail): void {
    this.#tails.delete(tail);
  }

  end(failure?: FabricError): void {
    for (const tail of this.#tails) tail.end(failure);
  }

  /** The next entry is durable. Readings get the memory that was appended, not a copy. */
  landed(parts: readonly Uint8Array[]): void {
    const offset = this.#next;
    this.#next += 1;
    if (this.#tails.size === 0) return;
    const entry = { offset: BigInt(offset), batch: whole(parts) };
    for (const tail of this.#tails) tail.offer(entry, offset);
  }
}

const whole = (parts: readonly Uint8Array[]): Uint8Array =>
  parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
