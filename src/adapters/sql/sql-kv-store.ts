/**
 * Key-value state in tables. What is asked in one turn, or while a transaction is under way, is carried out in the next
 * one together, and synced to the disk once.
 */
import { sql } from 'kysely';
import { FabricError } from '../../model/error.ts';
import type { KvCommand, KvReply, KvSpace } from '../../model/kv-command.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KvPage, KvPageRequest, KvStore } from '../../ports/kv-store.ts';
import { Gathering } from './gathering.ts';
import { KvBatch } from './kv-batch.ts';
import { KvStatements, type Range } from './kv-statements.ts';
import type { SqlDatabase } from './sql-database.ts';
import { fenceName, SqlFences } from './sql-fences.ts';

export interface SqlStateDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
}

interface Asked {
  readonly command: KvCommand;
  reply: KvReply | undefined;
}

const commandBytes = 256;
const sweptAtOnceMax = 1000;

export class SqlKvStore implements KvStore {
  readonly #database: SqlDatabase;
  readonly #clock: Clock;
  readonly #fences: SqlFences;
  readonly #statements: KvStatements;
  readonly #commands: Gathering<Asked>;

  constructor({ database, clock }: SqlStateDeps) {
    this.#database = database;
    this.#clock = clock;
    this.#fences = new SqlFences(database, clock);
    this.#statements = new KvStatements(database.dialect);
    this.#commands = new Gathering({
      clock,
      flush: (asked) => this.#carryOut(asked),
      bytesOf: ({ command }) => commandBytes + (command.kind === 'put' ? command.value.byteLength : 0),
    });
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return this.#fences.open(owner, epoch);
  }

  async run(command: KvCommand): Promise<KvReply> {
    const asked: Asked = { command, reply: undefined };
    await this.#commands.add(asked);
    if (asked.reply === undefined) throw new FabricError('ERR_INTERNAL', 'a command was not carried out');
    return asked.reply;
  }

  /** First the sizes, so that a page of large values is never read whole. */
  async list(space: KvSpace, request: KvPageRequest): Promise<KvPage> {
    const { queries } = this.#database;
    const range = rangeOf(request, await this.#nowMs());
    const found = await this.#statements.names(queries, space, range);
    const chosen = found.slice(0, fitting(found, request));
    const [first] = chosen;
    const last = chosen.at(-1);
    if (first === undefined || last === undefined) return { entries: [] };
    const between = { first: first.key, last: last.key, nowMs: range.nowMs };
    const rows = await this.#statements.values(queries, space, between);
    const entries = rows.map(({ key, value }) => ({ key: textOf(key), value: value ?? undefined }));
    return chosen.length < found.length ? { entries, next: textOf(last.key) } : { entries };
  }

  purge(owner: string, epoch: bigint | undefined): Promise<number | undefined> {
    return this.#database.queries.transaction().execute(async (transaction) => {
      if (epoch !== undefined && !(await this.#fences.holds(transaction, { owner, epoch }))) return undefined;
      const nowMs = this.#database.dialect.nowMs(this.#clock);
      await sql`delete from aether_kv where owner = ${owner} and expires_at <= ${nowMs}`.execute(transaction);
      const deleted = await sql`delete from aether_kv where owner = ${owner} returning 1 as one`.execute(transaction);
      return deleted.rows.length;
    });
  }

  /** Deletes what has expired. */
  async sweep(): Promise<void> {
    const { queries, dialect } = this.#database;
    await this.#fences.sweep();
    for (;;) {
      const { rows } = await sql`
        delete from aether_kv where (owner, space, key) in (
          select owner, space, key from aether_kv where expires_at <= ${dialect.nowMs(this.#clock)}
          limit ${sql.lit(sweptAtOnceMax)}
        ) and expires_at <= ${dialect.nowMs(this.#clock)} returning 1 as one`.execute(queries);
      if (rows.length < sweptAtOnceMax) return;
    }
  }

  async #carryOut(asked: readonly Asked[]): Promise<void> {
    const batch = new KvBatch(asked.map(({ command }) => command));
    const replies = batch.isReading ? await this.#read(batch) : await this.#change(batch);
    for (const [index, one] of asked.entries()) one.reply = replies[index];
  }

  async #read(batch: KvBatch): Promise<readonly KvReply[]> {
    const nowMs = await this.#nowMs();
    const states = await this.#statements.load(this.#database.queries, batch.places);
    return batch.carryOut({ states, held: new Set(), epochs: new Set(), counts: new Map(), nowMs }).replies;
  }

  #change(batch: KvBatch): Promise<readonly KvReply[]> {
    const { queries, dialect } = this.#database;
    return queries.transaction().execute(async (transaction) => {
      if (dialect.isShared) await dialect.lockNames(transaction, namesOf(batch));
      const nowMs = await this.#nowMs();
      const outcome = batch.carryOut({
        epochs: await this.#fences.current(transaction, batch.epochs),
        states: await this.#statements.load(transaction, batch.places),
        held: await this.#statements.held(transaction, batch),
        counts: await this.#statements.counts(transaction, batch.limited, nowMs),
        nowMs,
      });
      await this.#statements.store(transaction, outcome.changes);
      return outcome.replies;
    });
  }

  /** Where others share the database its clock is asked: all have to agree on what has expired. */
  async #nowMs(): Promise<number> {
    const { queries, dialect } = this.#database;
    if (!dialect.isShared) return this.#clock.now();
    const { rows } = await sql<{ now: number }>`select ${dialect.nowMs(this.#clock)} as now`.execute(queries);
    return rows[0]?.now ?? this.#clock.now();
  }
}

const namesOf = ({ places, epochs, limited }: KvBatch): readonly string[] => [
  ...places.map(({ space, key }) => `kv\n${space.owner}\n${space.name}\n${Buffer.from(key).toString('hex')}`),
  ...epochs.map(({ owner }) => fenceName(owner)),
  ...[...limited.keys()].map((space) => `kv space\n${space}`),
];

const textOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString();

const rangeOf = ({ prefix, after, limit }: KvPageRequest, nowMs: number): Range => ({
  least: Buffer.from(after === '' ? prefix : after),
  isAfter: after !== '',
  most: prefix === '' ? undefined : beyond(Buffer.from(prefix)),
  limit: limit + 1,
  nowMs,
});

/** The first key that does not begin so: no byte of UTF-8 is 255, so the last one can grow. */
const beyond = (prefix: Buffer): Buffer => {
  const last = prefix.byteLength - 1;
  prefix[last] = (prefix[last] ?? 0) + 1;
  return prefix;
};

/** How many of the keys a page has room for; one at least. */
const fitting = (
  found: readonly { readonly key: Uint8Array; readonly bytes: number }[],
  { limit, bytesMax }: KvPageRequest,
): number => {
  let bytes = 0;
  for (const [index, one] of found.entries()) {
    bytes += 2 * one.key.byteLength + one.bytes;
    if (index === limit || (index > 0 && bytes > bytesMax)) return index;
  }
  return found.length;
};
