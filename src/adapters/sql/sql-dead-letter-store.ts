/** Dead letters in one row each, counted in the order they were buried. */
import type { Selectable } from 'kysely';
import type { DeadLetter, DeadLetterPage, DeadLetterStore } from '../../ports/dead-letter-store.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';

const rowsPerStatementMax = 500;

export class SqlDeadLetterStore implements DeadLetterStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    for (let from = 0; from < letters.length; from += rowsPerStatementMax)
      await this.#database.queries
        .insertInto('aether_dead_letter')
        .values(letters.slice(from, from + rowsPerStatementMax).map(toRow))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
  }

  async list(topic: string, after: string, limit: number): Promise<DeadLetterPage> {
    let query = this.#database.queries
      .selectFrom('aether_dead_letter')
      .selectAll()
      .where('place', '>', Number(after))
      .orderBy('place')
      .limit(limit + 1);
    if (topic !== '') query = query.where('topic', '=', topic);
    const rows = await query.execute();
    const letters = rows.slice(0, limit).map(toLetter);
    const last = rows[limit - 1];
    return rows.length > limit && last !== undefined ? { letters, next: String(last.place) } : { letters };
  }

  async get(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    if (ids.length === 0) return [];
    const rows = await this.#database.queries
      .selectFrom('aether_dead_letter')
      .selectAll()
      .where('id', 'in', ids)
      .orderBy('place')
      .execute();
    return rows.map(toLetter);
  }

  async remove(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const { numDeletedRows } = await this.#database.queries
      .deleteFrom('aether_dead_letter')
      .where('id', 'in', ids)
      .executeTakeFirst();
    return Number(numDeletedRows);
  }
}

const toRow = (letter: DeadLetter) => ({
  id: letter.id,
  topic: letter.topic,
  recipient: letter.recipient,
  source: letter.source,
  owner: letter.owner,
  message_id: letter.messageId,
  attempts: letter.attempts,
  reason: letter.reason,
  buried_at: Math.floor(letter.buriedAtMs),
  frame: letter.frame,
});

const toLetter = (row: Selectable<Schema['aether_dead_letter']>): DeadLetter => ({
  id: row.id,
  topic: row.topic,
  recipient: row.recipient,
  source: row.source,
  owner: row.owner,
  messageId: row.message_id,
  attempts: row.attempts,
  reason: row.reason,
  buriedAtMs: row.buried_at,
  frame: row.frame,
});
