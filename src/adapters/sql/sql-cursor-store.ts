/**
 * Cursors in one row per owner: its epoch and a document of all its positions. Every statement compares the epoch in
 * the row it writes (I3), so the lock of that row decides between one who opens and one who is fenced off by it.
 */
import { sql } from 'kysely';
import type { CursorCommit, CursorStore, Position } from '../../ports/cursor-store.ts';
import { aheadText, positionWith } from '../ahead-text.ts';
import { EpochOpenings, epochColumns, epochRows } from './epoch-openings.ts';
import type { SqlDatabase } from './sql-database.ts';
import type { Epoch } from './sql-fences.ts';

export class SqlCursorStore implements CursorStore {
  readonly #database: SqlDatabase;
  readonly #openings = new EpochOpenings((epochs) => this.#openAll(epochs));

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  open(owner: string, epoch: bigint): Promise<ReadonlyMap<string, Position> | undefined> {
    return this.#openings.open(owner, epoch);
  }

  async #openAll(epochs: readonly Epoch[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Position>>> {
    const { queries, dialect } = this.#database;
    const given = dialect.rows('given', epochRows(epochs), epochColumns);
    const { rows } = await sql<{ owner: string; positions: string }>`
      insert into aether_cursor (owner, epoch, positions)
      select given.owner, given.epoch, '{}' from ${given} where true
      on conflict (owner) do update set epoch = excluded.epoch where aether_cursor.epoch <= excluded.epoch
      returning owner, positions`.execute(queries);
    return new Map(rows.map(({ owner, positions }) => [owner, positionsOf(positions)]));
  }

  /** One statement, whose one parameter holds all commits. */
  async commit(commits: readonly CursorCommit[]): Promise<readonly string[]> {
    if (commits.length === 0) return [];
    const { queries, dialect } = this.#database;
    const given = dialect.rows('given', JSON.stringify(toRows(commits)), cursorColumns);
    const { rows: moved } = await sql<{ owner: string; epoch: string }>`
      update aether_cursor set positions = ${dialect.mergedDocument('aether_cursor.positions', 'given.positions')}
      from ${given}
      where aether_cursor.owner = given.owner and aether_cursor.epoch = given.epoch
      returning aether_cursor.owner as owner, cast(aether_cursor.epoch as text) as epoch`.execute(queries);
    const current = new Set(moved.map(({ owner, epoch }) => keyOf(owner, epoch)));
    return commits.filter(({ owner, epoch }) => !current.has(keyOf(owner, epoch))).map(({ owner }) => owner);
  }
}

export const cursorColumns = { owner: 'text', epoch: 'integer', positions: 'document' } as const;

interface Row {
  readonly owner: string;
  readonly epoch: string;
  positions: Readonly<Record<string, string>>;
}

/** One row per owner and epoch: a statement changes a row of the table only once. */
export const toRows = (commits: readonly CursorCommit[]): readonly Row[] => {
  const rows = new Map<string, Row>();
  for (const { owner, epoch, positions } of commits) {
    const texts = Object.fromEntries(
      Array.from(
        positions,
        ([topic, position]) => [topic, `${position.offset}:${position.index}${aheadText(position)}`] as const,
      ),
    );
    const row = rows.get(keyOf(owner, epoch));
    if (row === undefined) rows.set(keyOf(owner, epoch), { owner, epoch: String(epoch), positions: texts });
    else row.positions = { ...row.positions, ...texts };
  }
  return [...rows.values()];
};

const keyOf = (owner: string, epoch: bigint | string): string => `${epoch} ${owner}`;

export const positionsOf = (document: string): ReadonlyMap<string, Position> => {
  const texts: Readonly<Record<string, string>> = JSON.parse(document);
  return new Map(Object.entries(texts).map(([topic, text]) => [topic, positionOf(text)]));
};

const positionOf = (text: string): Position => {
  const [place = '', ahead] = text.split(';');
  const [offset = '', index] = place.split(':');
  return positionWith(BigInt(offset), Number(index), ahead && `;${ahead}`);
};
