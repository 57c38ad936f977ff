import { sql } from 'kysely';
import type { CursorCopies } from '../../ports/cursor-copies.ts';
import type { CursorCommit, Position } from '../../ports/cursor-store.ts';
import { cursorColumns, positionsOf, toRows } from './sql-cursor-store.ts';
import type { SqlDatabase } from './sql-database.ts';

/** In the same table as cursors that have their only place in SQL. */
export class SqlCursorCopies implements CursorCopies {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** One statement. Of an owner with two epochs among the commits only the last is kept. */
  async keep(commits: readonly CursorCommit[]): Promise<void> {
    if (commits.length === 0) return;
    const { queries, dialect } = this.#database;
    const newest = new Map(toRows(commits).map((row) => [row.owner, row]));
    const given = dialect.rows('given', JSON.stringify([...newest.values()]), cursorColumns);
    await sql`
      insert into aether_cursor (owner, epoch, positions)
      select given.owner, given.epoch, given.positions from ${given} where true
      on conflict (owner) do update set
        epoch = excluded.epoch,
        positions = ${dialect.mergedDocument('aether_cursor.positions', 'excluded.positions')}
      where aether_cursor.epoch <= excluded.epoch`.execute(queries);
  }

  async find(owner: string): Promise<ReadonlyMap<string, Position>> {
    const row = await this.#database.queries
      .selectFrom('aether_cursor')
      .select('positions')
      .where('owner', '=', owner)
      .executeTakeFirst();
    return row === undefined ? new Map() : positionsOf(row.positions);
  }
}
