/**
 * Opens a database file for this process alone: WAL, created with mode 0600 in a directory of mode 0700, held by an
 * exclusive lock that ends with the process however that ends. A second process is refused.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fromSqlite } from './errors.ts';

export interface SqliteFileOptions {
  readonly path: string;
  /** `full`: a commit has reached the disk. `normal`: it outlives the process, but not a power cut right after it. */
  readonly synchronous: 'full' | 'normal';
  /** How the database is called in errors, such as `the message log`. */
  readonly label: string;
}

/** A predecessor that is just ending gets this long. */
const busyTimeoutMs = 1000;

export const openSqliteFile = ({ path, synchronous, label }: SqliteFileOptions): DatabaseSync => {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    database.exec(`
      pragma busy_timeout = ${busyTimeoutMs};
      pragma locking_mode = exclusive;
      pragma auto_vacuum = incremental;
      pragma journal_mode = wal;
      pragma synchronous = ${synchronous};
      pragma foreign_keys = on;
      pragma temp_store = memory;
      begin immediate; commit`);
    return database;
  } catch (cause) {
    database?.close();
    throw fromSqlite(cause, nameOf({ label, path }));
  }
};

export const nameOf = ({ label, path }: Pick<SqliteFileOptions, 'label' | 'path'>): string => `${label} in ${path}`;
