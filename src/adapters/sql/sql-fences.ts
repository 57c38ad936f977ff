/**
 * The epoch opened last in each owner's name. Compared within the transaction that writes (I3): whoever opens and whoever
 * writes lock the owner's name first, which on SQLite, where transactions exclude each other, they need not.
 */
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../ports/clock.ts';
import { EpochOpenings, epochColumns, epochRows } from './epoch-openings.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';

/** What is written in an owner's name carries this. */
export interface Epoch {
  readonly owner: string;
  readonly epoch: bigint;
}

/** An epoch in whose name nothing was opened for so long is forgotten. */
const retentionMs = 30 * 24 * 60 * 60 * 1000;

export const fenceName = (owner: string): string => `fence\n${owner}`;
export const epochKey = ({ owner, epoch }: Epoch): string => `${epoch} ${owner}`;

export class SqlFences {
  readonly #database: SqlDatabase;
  readonly #clock: Clock;
  readonly #openings = new EpochOpenings<true>((epochs) => this.#openAll(epochs));

  constructor(database: SqlDatabase, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async open(owner: string, epoch: bigint): Promise<boolean> {
    return (await this.#openings.open(owner, epoch)) ?? false;
  }

  #openAll(epochs: readonly Epoch[]): Promise<ReadonlyMap<string, true>> {
    const { queries, dialect } = this.#database;
    return queries.transaction().execute(async (transaction) => {
      const names = epochs.map(({ owner }) => fenceName(owner));
      await dialect.lockNames(transaction, names);
      const given = dialect.rows('given', epochRows(epochs), epochColumns);
      const { rows } = await sql<{ owner: string }>`
        insert into aether_fence (owner, epoch, opened_at)
        select given.owner, given.epoch, ${dialect.nowMs(this.#clock)} from ${given} where true
        on conflict (owner) do update set epoch = excluded.epoch, opened_at = excluded.opened_at
        where aether_fence.epoch <= excluded.epoch
        returning owner`.execute(transaction);
      return new Map(rows.map((row) => [row.owner, true]));
    });
  }

  /** Those of the epochs that are the newest, by `epochKey`. Their owners' names are locked by the caller. */
  async current(transaction: Kysely<Schema>, epochs: readonly Epoch[]): Promise<ReadonlySet<string>> {
    if (epochs.length === 0) return new Set();
    const given = this.#database.dialect.rows('given', epochRows(epochs), epochColumns);
    const { rows } = await sql<{ owner: string; epoch: string }>`
      select given.owner as owner, cast(given.epoch as text) as epoch from ${given}
      inner join aether_fence fence on fence.owner = given.owner and fence.epoch = given.epoch`.execute(transaction);
    return new Set(rows.map(({ owner, epoch }) => epochKey({ owner, epoch: BigInt(epoch) })));
  }

  /** Whether it is the newest; locks the owner's name. */
  async holds(transaction: Kysely<Schema>, epoch: Epoch): Promise<boolean> {
    await this.#database.dialect.lockNames(transaction, [fenceName(epoch.owner)]);
    return (await this.current(transaction, [epoch])).size === 1;
  }

  async sweep(): Promise<void> {
    const { queries, dialect } = this.#database;
    await sql`delete from aether_fence where opened_at < ${dialect.nowMs(this.#clock)} - ${sql.lit(retentionMs)}`.execute(
      queries,
    );
  }
}
