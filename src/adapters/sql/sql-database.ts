import type { Kysely } from 'kysely';
import type { SqlDialect } from './dialect.ts';
import type { Schema } from './schema.ts';

/** An open, migrated database. Dispose it last: it waits for what is under way. */
export interface SqlDatabase extends AsyncDisposable {
  readonly queries: Kysely<Schema>;
  readonly dialect: SqlDialect;
}
