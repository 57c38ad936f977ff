/**
 * Opens a database file for this process alone: WAL, created with mode 0600 in a directory of mode 0700, held by an
 * exclusive lock that ends with the process however that ends. A second process is refused.
 */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as Sqlite from 'node:sqlite';
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

/**
 * 2 MiB of write-ahead log. A commit that has to empty it takes that much longer; with SQLite's 1000 pages the slowest
 * appends took twice as long, and no more went through.
 */
const checkpointPages = 500;

/**
 * Loaded here, and not by an import, because Node says at the first use of `node:sqlite` that it is experimental. That is
 * for us to know and not for everyone who starts the program.
 */
const loadSqlite = (): typeof Sqlite => {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
};

const sqlite = loadSqlite();

export const openSqliteFile = ({ path, synchronous, label }: SqliteFileOptions): Sqlite.DatabaseSync => {
  let database: Sqlite.DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createFile(path);
    database = new sqlite.DatabaseSync(path);
    database.exec(`
      pragma busy_timeout = ${busyTimeoutMs};
      pragma locking_mode = exclusive;
      pragma auto_vacuum = incremental;
      pragma journal_mode = wal;
      pragma wal_autocheckpoint = ${checkpointPages};
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

/** Does not touch one that is there: to close any handle of a file would end all locks this process has on it. */
const createFile = (path: string): void => {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
};

export const nameOf = ({ label, path }: Pick<SqliteFileOptions, 'label' | 'path'>): string => `${label} in ${path}`;

/** Ends a transaction that failed. After some errors SQLite has done so by itself, and refuses to do it again. */
export const rollback = (database: Sqlite.DatabaseSync): void => {
  try {
    database.exec('rollback');
  } catch {
    return;
  }
};
