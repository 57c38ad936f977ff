import { Kysely, PostgresAdapter, PostgresDriver, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { Pool, types as parsers, TypeOverrides } from 'pg';
import { FabricError } from '../../model/error.ts';
import type { Log } from '../../ports/log.ts';
import { postgresDialect } from './dialect.ts';
import { fromPostgres } from './errors.ts';
import { migrated } from './migrations.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';
import { TranslatedDriver } from './translated-driver.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the parameters of libpq behind a question mark. */
  readonly url: string;
  readonly connectionsMax: number;
}

const connectTimeoutMs = 5000;
/** A server that has gone without a word is noticed by this, or by the keep-alive where nobody waits. */
const queryTimeoutMs = 60_000;
const keepAliveAfterMs = 10_000;

/** Connects to a database that any number of processes share, and brings its tables up to date. */
export const openPostgresDatabase = (options: PostgresOptions, deps: { readonly log: Log }): Promise<SqlDatabase> =>
  migrated(usePostgres(options, deps));

/** The database as it is; connects with the first query. */
export const usePostgres = ({ url, connectionsMax }: PostgresOptions, { log }: { readonly log: Log }): SqlDatabase => {
  const what = `Postgres at ${addressOf(url)}`;
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    application_name: 'aether',
    types,
  });
  // A connection may break between two statements, in the pool or out of it; unheard, that would end the process. The
  // statement that comes next fails, and the pool replaces the connection.
  const onLost = (cause: Error): void => log.warn('connection to Postgres lost', { cause });
  pool.on('error', onLost).on('connect', (client) => client.on('error', onLost));
  const queries = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new TranslatedDriver(new PostgresDriver({ pool }), (thrown) => fromPostgres(thrown, what)),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (database) => new PostgresIntrospector(database),
    },
  });
  return { queries, dialect: postgresDialect, [Symbol.asyncDispose]: () => queries.destroy() };
};

/** Without user and password. Neither the error nor its cause may show the address as it was given (I12). */
const addressOf = (url: string): string => {
  if (!URL.canParse(url))
    throw new FabricError(
      'CONFIG_INVALID',
      'the address of Postgres is none: it is postgres://user@host:port/database',
    );
  const { host, pathname } = new URL(url);
  return host + pathname;
};

const toInteger = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is too large to be read as a number`);
  return value;
};

const { INT8, JSON, JSONB } = parsers.builtins;
const types = new TypeOverrides();
types.setTypeParser(INT8, toInteger);
for (const document of [JSON, JSONB]) types.setTypeParser(document, (text) => text);
