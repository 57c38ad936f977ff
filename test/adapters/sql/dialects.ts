import { describe } from 'vitest';
import type { SqlDatabase } from '../../../src/adapters/sql/sql-database.ts';
import { createTestDatabase, hasPostgres } from './addresses.ts';
import { createTestDirectory } from './directory.ts';
import { openAt } from './open-at.ts';

/** A database of a test's own, empty at first. It may be opened again; on Postgres several times at once. */
export interface TestStore extends AsyncDisposable {
  /** What `openAt` takes, in another process too. */
  readonly address: string;
  open(): Promise<SqlDatabase>;
}

const createSqliteStore = (): Promise<TestStore> => {
  const directory = createTestDirectory();
  const address = directory.file('fabric.db');
  return Promise.resolve({
    address,
    open: () => openAt(address),
    [Symbol.asyncDispose]: () => Promise.resolve(directory[Symbol.dispose]()),
  });
};

const createPostgresStore = async (): Promise<TestStore> => {
  const database = await createTestDatabase();
  return {
    address: database.url,
    open: () => openAt(database.url),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
};

type Suite = (create: () => Promise<TestStore>) => void;

export const onPostgres = (suite: Suite): void => {
  describe.runIf(hasPostgres())('on Postgres', () => {
    suite(createPostgresStore);
  });
};

export const onSqlite = (suite: Suite): void => {
  describe('on SQLite', () => {
    suite(createSqliteStore);
  });
};

export const onEachDialect = (suite: Suite): void => {
  onSqlite(suite);
  onPostgres(suite);
};
