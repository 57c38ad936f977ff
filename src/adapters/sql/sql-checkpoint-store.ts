import { type Kysely, sql } from 'kysely';
import { checkpointsPerIdentityMax } from '../../model/limits.ts';
import type {
  Checkpoint,
  CheckpointSave,
  CheckpointSaved,
  CheckpointStore,
  CheckpointWriter,
} from '../../ports/checkpoint-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';
import { SqlFences } from './sql-fences.ts';
import type { SqlStateDeps } from './sql-kv-store.ts';

type Queries = Kysely<Schema>;

/** Checkpoints in a table; names are bytes, so that both dialects order them alike. */
export class SqlCheckpointStore implements CheckpointStore {
  readonly #database: SqlDatabase;
  readonly #clock: Clock;
  readonly #fences: SqlFences;

  constructor({ database, clock }: SqlStateDeps) {
    this.#database = database;
    this.#clock = clock;
    this.#fences = new SqlFences(database, clock);
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return this.#fences.open(owner, epoch);
  }

  async save(writer: CheckpointWriter, save: CheckpointSave): Promise<CheckpointSaved> {
    const { owner } = writer;
    const saved = await this.#write(writer, async (transaction): Promise<CheckpointSaved> => {
      const name = Buffer.from(save.name);
      const expired = sql<boolean>`expires_at <= ${this.#now}`;
      await transaction.deleteFrom('aether_checkpoint').where('owner', '=', owner).where(expired).execute();
      if (await this.#isFull(transaction, owner, name)) return { outcome: 'full' };
      const row = {
        data: save.data,
        saved_at: this.#now,
        expires_at: save.ttlMs === undefined ? null : sql<number>`${this.#now} + ${sql.lit(Math.ceil(save.ttlMs))}`,
      };
      const { saved_at } = await transaction
        .insertInto('aether_checkpoint')
        .values({ owner, name, ...row })
        .onConflict((conflict) => conflict.columns(['owner', 'name']).doUpdateSet(row))
        .returning('saved_at')
        .executeTakeFirstOrThrow();
      return { outcome: 'saved', savedAtMs: saved_at };
    });
    return saved ?? { outcome: 'fenced' };
  }

  async load(owner: string, name: string): Promise<Checkpoint | undefined> {
    const row = await this.#database.queries
      .selectFrom('aether_checkpoint')
      .select(['data', 'saved_at'])
      .where('owner', '=', owner)
      .where('name', '=', Buffer.from(name))
      .where(this.#living)
      .executeTakeFirst();
    return row && { data: row.data, savedAtMs: row.saved_at };
  }

  async delete(writer: CheckpointWriter, name: string): Promise<boolean> {
    const done = await this.#write(writer, async (transaction) => {
      await transaction
        .deleteFrom('aether_checkpoint')
        .where('owner', '=', writer.owner)
        .where('name', '=', Buffer.from(name))
        .execute();
      return true;
    });
    return done ?? false;
  }

  async list(owner: string): Promise<readonly string[]> {
    const rows = await this.#database.queries
      .selectFrom('aether_checkpoint')
      .select('name')
      .where('owner', '=', owner)
      .where(this.#living)
      .orderBy('name')
      .execute();
    return rows.map(({ name }) => Buffer.from(name).toString());
  }

  /** Deletes what has expired. */
  async sweep(): Promise<void> {
    await sql`delete from aether_checkpoint where expires_at <= ${this.#now}`.execute(this.#database.queries);
  }

  get #now() {
    return this.#database.dialect.nowMs(this.#clock);
  }

  get #living() {
    return sql<boolean>`(expires_at is null or expires_at > ${this.#now})`;
  }

  /** `undefined` to an epoch that is not the newest. */
  #write<Result>(
    writer: CheckpointWriter,
    write: (transaction: Queries) => Promise<Result>,
  ): Promise<Result | undefined> {
    return this.#database.queries
      .transaction()
      .execute(async (transaction) =>
        (await this.#fences.holds(transaction, writer)) ? write(transaction) : undefined,
      );
  }

  async #isFull(transaction: Queries, owner: string, name: Uint8Array): Promise<boolean> {
    const { others } = await transaction
      .selectFrom('aether_checkpoint')
      .select(({ fn }) => fn.countAll<number>().as('others'))
      .where('owner', '=', owner)
      .where('name', '!=', name)
      .executeTakeFirstOrThrow();
    return others >= checkpointsPerIdentityMax;
  }
}
