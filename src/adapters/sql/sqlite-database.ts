import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { sqliteDialect } from './dialect.ts';
import { fromSqlite } from './errors.ts';
import { migrated } from './migrations.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';
import { SqliteDriver } from './sqlite-driver.ts';
import { nameOf, openSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';
import { TranslatedDriver } from './translated-driver.ts';

/** Opens or creates the database in a file, which this process then has for itself. */
export const openSqliteDatabase = async (options: Omit<SqliteFileOptions, 'label'>): Promise<SqlDatabase> => {
  const file = { ...options, label: 'the database' };
  const opened = openSqliteFile(file);
  const queries = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new TranslatedDriver(new SqliteDriver(opened), (thrown) => fromSqlite(thrown, nameOf(file))),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createIntrospector: (database) => new SqliteIntrospector(database),
    },
  });
  return migrated({ queries, dialect: sqliteDialect, [Symbol.asyncDispose]: () => queries.destroy() });
};
