/** Where the two databases differ. Every other statement in this folder is one text for both. */
import { type ColumnDefinitionBuilder, type Expression, type Kysely, sql } from 'kysely';
import type { Clock } from '../../ports/clock.ts';
import type { Schema } from './schema.ts';

/** Bytes travel as text made by `bytesText`. */
type ColumnKind = 'text' | 'integer' | 'document' | 'bytes';

export interface SqlDialect {
  /** Whether other processes work on the same database. */
  readonly isShared: boolean;
  /** Column types of migrations. */
  readonly types: Readonly<Record<'integer' | 'blob' | 'document', Expression<unknown>>>;
  /** Makes a column the key that counts rows in the order they came; no number is given twice. */
  readonly counting: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;
  /** Keeps others from migrating until the transaction ends. */
  readonly lockMigrations: (transaction: Kysely<Schema>) => Promise<void>;
  /** Waits for all others that lock one of these names, and keeps it until the transaction ends. */
  readonly lockNames: (transaction: Kysely<Schema>, names: readonly string[]) => Promise<void>;
  /** Now in milliseconds since 1970, on the one clock of all who use the database. */
  readonly nowMs: (clock: Clock) => Expression<number>;
  /** A JSON array of objects as a table named `alias`: any number of rows in one parameter of one statement. */
  readonly rows: (alias: string, json: string, columns: Readonly<Record<string, ColumnKind>>) => Expression<unknown>;
  /** The members of both documents, those of `patch` where both have one. */
  readonly mergedDocument: (column: string, patch: string) => Expression<string>;
  /** Ends a locking selection: rows that another transaction has just taken are left out instead of waited for. */
  readonly skipLocked: Expression<unknown>;
}

export const sqliteDialect: SqlDialect = {
  isShared: false,
  types: { integer: sql`integer`, blob: sql`blob`, document: sql`text` },
  counting: (column) => column.primaryKey().autoIncrement(),
  // Its transactions exclude each other from the start.
  lockMigrations: () => Promise.resolve(),
  lockNames: () => Promise.resolve(),
  nowMs: (clock) => sql<number>`${clock.now()}`,
  rows: (alias, json, columns) => {
    const selected = Object.entries(columns).map(([name, kind]) => sqliteMember(name, kind));
    return sql`(select ${sql.join(selected)} from json_each(${json})) as ${sql.ref(alias)}`;
  },
  mergedDocument: (column, patch) => sql<string>`json_patch(${sql.ref(column)}, ${sql.ref(patch)})`,
  skipLocked: sql``,
};

const sqliteMember = (name: string, kind: ColumnKind): Expression<unknown> => {
  const key = sql.lit(name);
  switch (kind) {
    case 'text':
      return sql`value ->> ${key} as ${sql.ref(name)}`;
    case 'integer':
      return sql`cast(value ->> ${key} as integer) as ${sql.ref(name)}`;
    case 'document':
      return sql`value -> ${key} as ${sql.ref(name)}`;
    case 'bytes':
      return sql`unhex(substr(value ->> ${key}, 3)) as ${sql.ref(name)}`;
  }
};

/** Any number that nobody else is likely to use for an advisory lock. */
const migrationLock = 4_783_190_221;

export const postgresDialect: SqlDialect = {
  isShared: true,
  types: { integer: sql`bigint`, blob: sql`bytea`, document: sql`jsonb` },
  counting: (column) => column.primaryKey().generatedAlwaysAsIdentity(),
  lockMigrations: async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(transaction);
  },
  // In one order, so that nobody waits in a circle.
  lockNames: async (transaction, names) => {
    const given = postgresDialect.rows('given', JSON.stringify(names.map((name) => ({ name }))), { name: 'text' });
    await sql`
      select pg_advisory_xact_lock(hash) from (
        select distinct hashtextextended(given.name, 0) as hash from ${given} order by hash
      ) ordered`.execute(transaction);
  },
  nowMs: () => sql<number>`cast(extract(epoch from statement_timestamp()) * 1000 as bigint)`,
  rows: (alias, json, columns) => {
    const defined = Object.entries(columns).map(([name, kind]) => sql`${sql.ref(name)} ${postgresTypes[kind]}`);
    return sql`jsonb_to_recordset(cast(${json} as jsonb)) as ${sql.ref(alias)} (${sql.join(defined)})`;
  },
  mergedDocument: (column, patch) => sql<string>`${sql.ref(column)} || ${sql.ref(patch)}`,
  skipLocked: sql`for update skip locked`,
};

const postgresTypes: Readonly<Record<ColumnKind, Expression<unknown>>> = {
  text: sql`text`,
  integer: sql`bigint`,
  document: sql`jsonb`,
  bytes: sql`bytea`,
};

/** Bytes within the JSON of `rows`. */
export const bytesText = (bytes: Uint8Array | string): string => `\\x${Buffer.from(bytes).toString('hex')}`;
