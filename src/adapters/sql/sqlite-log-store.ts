/**
 * The log's database file. It lives in the worker thread and blocks it. Each partition is a table of its own, whose key
 * is the offset: entries are always added at the right edge of a tree, which fills its pages and costs the least (a
 * third more entries a second than one table for all, and faster to read). Offsets are dense and never used again.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Clock } from '../../ports/clock.ts';
import { fromSqlite } from './errors.ts';
import { nameOf, openSqliteFile, rollback } from './sqlite-file.ts';
import { claimLogFile } from './sqlite-log-format.ts';
import type { EntryGroup, LogPage, LogWorkerSettings } from './sqlite-log-messages.ts';

interface Partition {
  /** The offset of the next entry. */
  next: number;
  /** When its oldest entry was added; absent where it has none. */
  oldestMs: number | undefined;
  readonly insert: StatementSync;
  readonly select: StatementSync;
  readonly measure: StatementSync;
  readonly remove: StatementSync;
}

export interface Oldest {
  readonly partition: number;
  readonly addedAtMs: number;
}

const pageEntriesMax = 256;
const pageBytesMax = 1024 * 1024;
/** Smaller entries are handed over in one piece of memory together, larger ones each in its own: either way is faster. */
const packedBytesMax = 4096;

/** What one step of trimming removes at most, so that it holds up appends only shortly. */
const trimEntriesMax = 512;
const trimBytesMax = 1024 * 1024;
/** How many free pages one step gives back to the file system. */
const shrinkPages = 1024;

export class SqliteLogStore implements Disposable {
  readonly id: string;
  readonly name: string;
  readonly #clock: Clock;
  readonly #database: DatabaseSync;
  readonly #partitions: readonly Partition[];
  readonly #saveNext: StatementSync;
  readonly #space: StatementSync;

  static open({ path, layout }: LogWorkerSettings, clock: Clock): SqliteLogStore {
    const file = { path, label: 'the message log' };
    const database = openSqliteFile({ ...file, synchronous: 'full' });
    try {
      const id = claimLogFile(database, layout, nameOf(file));
      return new SqliteLogStore(database, { id, partitions: layout.partitions, name: nameOf(file), clock });
    } catch (thrown) {
      database.close();
      throw fromSqlite(thrown, nameOf(file));
    }
  }

  private constructor(
    database: DatabaseSync,
    { id, partitions, name, clock }: { id: string; partitions: number; name: string; clock: Clock },
  ) {
    this.id = id;
    this.name = name;
    this.#clock = clock;
    this.#database = database;
    this.#partitions = Array.from({ length: partitions }, (_, index) => openPartition(database, index));
    this.#saveNext = database.prepare('update aether_log_partition set next = ? where id = ?');
    this.#space = database.prepare(
      'select page_size, page_count, freelist_count from pragma_page_size, pragma_page_count, pragma_freelist_count',
    );
  }

  get next(): readonly number[] {
    return this.#partitions.map(({ next }) => next);
  }

  /** All of the groups or none. Answers with how long the disk took. */
  append(groups: readonly EntryGroup[]): number {
    const before = this.next;
    try {
      return this.#atomically(() => {
        for (const group of groups) this.#insert(group);
      });
    } catch (thrown) {
      for (const [index, next] of before.entries()) this.#partition(index).next = next;
      throw thrown;
    }
  }

  #insert({ places, bodies, closedAtMs }: EntryGroup): void {
    let at = 0;
    for (let index = 0; index < places.length; index += 2) {
      const partition = this.#partition(places[index] ?? 0);
      const end = at + (places[index + 1] ?? 0);
      partition.insert.run(partition.next, closedAtMs, bodies.subarray(at, end));
      partition.next += 1;
      partition.oldestMs ??= closedAtMs;
      at = end;
    }
  }

  /** Entries from an offset on, or from the oldest one after it. */
  page(index: number, from: number): LogPage {
    const partition = this.#partition(index);
    const bodies: Uint8Array<ArrayBuffer>[] = [];
    let first = partition.next;
    let bytes = 0;
    for (const row of partition.select.iterate(from)) {
      const body = toBytes(row['body']);
      if (bodies.length === 0) first = Number(row['offset']);
      bodies.push(body);
      bytes += body.byteLength;
      if (bodies.length >= pageEntriesMax || bytes >= pageBytesMax) break;
    }
    return { first, bodies: pack(bodies), next: first + bodies.length };
  }

  /** The partition whose oldest entry is the oldest of all. */
  oldest(): Oldest | undefined {
    let oldest: Oldest | undefined;
    for (const [partition, { oldestMs }] of this.#partitions.entries())
      if (oldestMs !== undefined && (oldest === undefined || oldestMs < oldest.addedAtMs))
        oldest = { partition, addedAtMs: oldestMs };
    return oldest;
  }

  /** Removes the oldest entries of a partition that were added before then, as many as make one step. */
  trim(index: number, addedBeforeMs: number): void {
    const partition = this.#partition(index);
    const end = endOfStep(partition, addedBeforeMs);
    this.#atomically(() => {
      partition.remove.run(end);
      this.#saveNext.run(partition.next, index);
    });
    partition.oldestMs = oldestOf(partition);
  }

  /** Bytes of the file that hold something, and that hold nothing. */
  space(): { readonly usedBytes: number; readonly freeBytes: number } {
    const row = this.#space.get();
    const pageBytes = Number(row?.['page_size']);
    const freeBytes = Number(row?.['freelist_count']) * pageBytes;
    return { usedBytes: Number(row?.['page_count']) * pageBytes - freeBytes, freeBytes };
  }

  /** Makes the file smaller by one step. */
  shrink(): void {
    this.#database.exec(`pragma incremental_vacuum(${shrinkPages})`);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Answers with the milliseconds the commit took. */
  #atomically(run: () => void): number {
    this.#database.exec('begin immediate');
    try {
      run();
      const startedMs = this.#clock.monotonic();
      this.#database.exec('commit');
      return this.#clock.monotonic() - startedMs;
    } catch (thrown) {
      rollback(this.#database);
      throw thrown;
    }
  }

  #partition(index: number): Partition {
    const partition = this.#partitions[index];
    if (partition === undefined) throw new RangeError(`partition ${index} of ${this.#partitions.length}`);
    return partition;
  }
}

const openPartition = (database: DatabaseSync, index: number): Partition => {
  const table = `aether_log_${index}`;
  const newest = database.prepare(`
    select max(next, coalesce((select max(offset) + 1 from ${table}), 0)) as next
    from aether_log_partition where id = ?`);
  const partition: Partition = {
    next: Number(newest.get(index)?.['next']),
    oldestMs: undefined,
    insert: database.prepare(`insert into ${table} (offset, added_at, body) values (?, ?, ?)`),
    select: database.prepare(`select offset, body from ${table} where offset >= ? order by offset`),
    measure: database.prepare(`select offset, added_at, length(body) as bytes from ${table} order by offset limit ?`),
    remove: database.prepare(`delete from ${table} where offset < ?`),
  };
  partition.oldestMs = oldestOf(partition);
  return partition;
};

const oldestOf = ({ measure }: Partition): number | undefined => {
  const row = measure.get(1);
  return row === undefined ? undefined : Number(row['added_at']);
};

/** The offset before which everything goes in one step. */
const endOfStep = ({ measure }: Partition, addedBeforeMs: number): number => {
  let end = 0;
  let bytes = 0;
  for (const row of measure.all(trimEntriesMax)) {
    if (Number(row['added_at']) >= addedBeforeMs || bytes >= trimBytesMax) break;
    end = Number(row['offset']) + 1;
    bytes += Number(row['bytes']);
  }
  return end;
};

const toBytes = (value: SQLOutputValue | undefined): Uint8Array<ArrayBuffer> => {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('an entry of the log is no blob');
};

const pack = (bodies: readonly Uint8Array<ArrayBuffer>[]): readonly Uint8Array<ArrayBuffer>[] => {
  const small = bodies.filter(({ byteLength }) => byteLength < packedBytesMax);
  const packed = Buffer.allocUnsafeSlow(small.reduce((bytes, { byteLength }) => bytes + byteLength, 0));
  let at = 0;
  return bodies.map((body) => {
    if (body.byteLength >= packedBytesMax) return body;
    packed.set(body, at);
    at += body.byteLength;
    return packed.subarray(at - body.byteLength, at);
  });
};
