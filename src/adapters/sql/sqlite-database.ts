import type { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { FabricError } from '../../model/error.ts';
import { sqliteDialect } from './dialect.ts';
import { fromSqlite } from './errors.ts';
import { migrated } from './migrations.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';
import { SqliteDriver } from './sqlite-driver.ts';
import { nameOf, openSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';
import { TranslatedDriver } from './translated-driver.ts';

export interface SqliteDatabase extends SqlDatabase {
  /** What `run` comes to, which has the connection for itself until it returns. What SQLite throws in it is translated. */
  exclusively<Result>(run: (connection: DatabaseSync) => Result): Promise<Result>;
}

/** Opens or creates the database in a file, which this process then has for itself. */
export const openSqliteDatabase = async (options: Omit<SqliteFileOptions, 'label'>): Promise<SqliteDatabase> => {
  const file = { ...options, label: 'the database' };
  const opened = openSqliteFile(file);
  const translate = (thrown: unknown): FabricError => fromSqlite(thrown, nameOf(file));
  const queries = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new TranslatedDriver(new SqliteDriver(opened), translate),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createIntrospector: (database) => new SqliteIntrospector(database),
    },
  });
  const database = { queries, dialect: sqliteDialect, [Symbol.asyncDispose]: () => queries.destroy() };
  await migrated(database);
  return {
    ...database,
    exclusively: (run) =>
      queries.connection().execute(async () => {
        try {
          return run(opened);
        } catch (thrown) {
          throw translate(thrown);
        }
      }),
  };
};
