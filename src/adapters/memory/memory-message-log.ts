import { once } from 'node:events';
import { FabricError } from '../../model/error.ts';
import type { LogEntry, LogLayout, LogReading, LogWriter, MessageLog } from '../../ports/message-log.ts';

const groupMax = 256;

/** A log that lasts as long as its process; for tests and simulation. */
export class MemoryMessageLog implements MessageLog {
  readonly id: string;
  readonly layout: LogLayout;
  readonly #partitions: Partition[];
  readonly #writers = new Set<string>();
  readonly #fenced = new Set<string>();

  constructor(layout: LogLayout, id = 'memory') {
    this.id = id;
    this.layout = layout;
    this.#partitions = Array.from({ length: layout.partitions }, () => new Partition());
  }

  append(partition: number, parts: readonly Uint8Array[], writer?: LogWriter): Promise<void> {
    if (writer?.isCurrent() === false)
      return Promise.reject(new FabricError('LEASE_LOST', 'whoever appends has lost its lease'));
    if (writer !== undefined && this.#fenced.has(writer.name)) return Promise.resolve();
    this.#partition(partition).append(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
    return Promise.resolve();
  }

  enter(writer: string): Promise<ReadonlySet<string>> {
    this.#writers.add(writer);
    return Promise.resolve(new Set(this.#writers));
  }

  fence(writer: string): Promise<void> {
    this.#fenced.add(writer);
    this.#writers.delete(writer);
    return Promise.resolve();
  }

  read(partition: number, from: bigint | 'end', { signal }: { readonly signal: AbortSignal }): Promise<LogReading> {
    const log = this.#partition(partition);
    const start = from === 'end' ? log.end : from;
    const closing = new AbortController();
    const entries = log.entries(start, AbortSignal.any([signal, closing.signal]));
    return Promise.resolve({
      start,
      entries,
      [Symbol.asyncDispose]: () => Promise.resolve(closing.abort()),
    });
  }

  #partition(partition: number): Partition {
    const found = this.#partitions[partition];
    if (found === undefined) throw new RangeError(`partition ${partition} of ${this.layout.partitions}`);
    return found;
  }
}

class Partition {
  readonly #entries: LogEntry[] = [];
  readonly #appended = new EventTarget();

  get end(): bigint {
    return BigInt(this.#entries.length);
  }

  append(batch: Uint8Array): void {
    this.#entries.push({ offset: this.end, batch });
    this.#appended.dispatchEvent(new Event('append'));
  }

  async *entries(from: bigint, signal: AbortSignal): AsyncGenerator<readonly LogEntry[]> {
    let next = Number(from);
    while (!signal.aborted) {
      const group = this.#entries.slice(next, next + groupMax);
      if (group.length > 0) {
        next += group.length;
        yield group;
      } else await once(this.#appended, 'append', { signal }).catch(() => undefined);
    }
  }
}
