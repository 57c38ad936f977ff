/** Delayed messages in one row each. A claim is one statement; claimants never wait for each other. */
import { sql } from 'kysely';
import type { Clock } from '../../ports/clock.ts';
import type { Delayed, DelayStore, DueMessage } from '../../ports/delay-store.ts';
import type { SqlDatabase } from './sql-database.ts';

interface Row {
  readonly id: string;
  readonly due_at: number;
  readonly attempt: number;
  readonly body: Uint8Array;
}

export class SqlDelayStore implements DelayStore {
  readonly #database: SqlDatabase;
  readonly #clock: Clock;

  constructor(database: SqlDatabase, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async add({ id, dueAtMs, body }: Delayed): Promise<void> {
    await this.#database.queries
      .insertInto('aether_delayed')
      .values({ id, due_at: Math.ceil(dueAtMs), body })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  }

  async claim(limit: number, claimMs: number): Promise<readonly DueMessage[]> {
    const { queries, dialect } = this.#database;
    const now = dialect.nowMs(this.#clock);
    const { rows } = await sql<Row>`
      with due as (
        select id from aether_delayed where due_at <= ${now} and claimed_until <= ${now}
        order by due_at limit ${limit} ${dialect.skipLocked}
      )
      update aether_delayed set attempt = attempt + 1, claimed_until = ${now} + ${claimMs}
      from due where aether_delayed.id = due.id
      returning aether_delayed.id as id, aether_delayed.due_at as due_at, aether_delayed.attempt as attempt,
        aether_delayed.body as body`.execute(queries);
    return rows
      .toSorted((one, other) => one.due_at - other.due_at)
      .map((row) => ({ id: row.id, dueAtMs: row.due_at, attempt: row.attempt, body: row.body }));
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#database.queries.deleteFrom('aether_delayed').where('id', 'in', ids).execute();
  }
}
