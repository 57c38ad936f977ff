/**
 * Kysely's driver for `node:sqlite`: one connection, which Kysely hands to one user at a time, so transactions never
 * interleave. Statements are prepared once. Integers come as numbers; one that does not fit is an error and never
 * rounded (`schema.ts` says what that means for columns of 64 bits). Calls block the event loop.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  RawNode,
  type RootOperationNode,
  SelectQueryNode,
} from 'kysely';

const statementsMax = 256;

export class SqliteDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #connection: SqliteConnection;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#connection = new SqliteConnection(database);
  }

  init(): Promise<void> {
    return Promise.resolve();
  }

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  /** SQLite has rolled back by itself after some errors, and then refuses to do it again. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback')).catch(() => undefined);
  }

  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }

  /** Also moves what is in the write-ahead log into the database file. */
  destroy(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  /** By their text, the least recently used first. */
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  // What node:sqlite throws has to reject.
  async executeQuery<Row>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.#prepare(sql);
    if (returnsRows(query)) return Promise.resolve({ rows: rowsOf(statement.all(...valuesOf(parameters))) });
    const { changes } = statement.run(...valuesOf(parameters));
    return Promise.resolve({ rows: [], numAffectedRows: BigInt(changes) });
  }

  async *streamQuery<Row>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    const statement = this.#database.prepare(sql);
    for (const row of statement.iterate(...valuesOf(parameters))) yield { rows: rowsOf([row]) };
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.delete(sql);
    this.#statements.set(sql, statement);
    if (this.#statements.size > statementsMax)
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest);
        break;
      }
    return statement;
  }
}

const returnsRows = (query: RootOperationNode): boolean =>
  SelectQueryNode.is(query) || RawNode.is(query) || 'returning' in query;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Kysely knows the rows' type, its drivers do not
const rowsOf = <Row>(rows: readonly unknown[]): Row[] => rows as Row[];

const valuesOf = (parameters: readonly unknown[]): readonly SQLInputValue[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what SQLite cannot bind, node:sqlite refuses
  parameters as readonly SQLInputValue[];
