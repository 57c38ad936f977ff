/** A Kysely driver whose errors are `FabricError`s, so that nothing above it knows what drivers throw. */
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult, TransactionSettings } from 'kysely';
import type { FabricError } from '../../model/error.ts';

type Translate = (thrown: unknown) => FabricError;

export class TranslatedDriver implements Driver {
  readonly #inner: Driver;
  readonly #translate: Translate;
  readonly #connections = new WeakMap<DatabaseConnection, TranslatedConnection>();

  constructor(inner: Driver, translate: Translate) {
    this.#inner = inner;
    this.#translate = translate;
  }

  init(): Promise<void> {
    return this.#inner.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const inner = await this.#inner.acquireConnection().catch(this.#rethrow);
    const known = this.#connections.get(inner);
    if (known !== undefined) return known;
    const connection = new TranslatedConnection(inner, this.#translate);
    this.#connections.set(inner, connection);
    return connection;
  }

  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return this.#inner.beginTransaction(innerOf(connection), settings).catch(this.#rethrow);
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.commitTransaction(innerOf(connection)).catch(this.#rethrow);
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.rollbackTransaction(innerOf(connection)).catch(this.#rethrow);
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#inner.releaseConnection(innerOf(connection));
  }

  destroy(): Promise<void> {
    return this.#inner.destroy();
  }

  readonly #rethrow = (thrown: unknown): never => {
    throw this.#translate(thrown);
  };
}

class TranslatedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #translate: Translate;

  constructor(inner: DatabaseConnection, translate: Translate) {
    this.inner = inner;
    this.#translate = translate;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      return await this.inner.executeQuery<Row>(query);
    } catch (thrown) {
      throw this.#translate(thrown);
    }
  }

  async *streamQuery<Row>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<Row>> {
    try {
      yield* this.inner.streamQuery<Row>(query, chunkSize);
    } catch (thrown) {
      throw this.#translate(thrown);
    }
  }
}

const innerOf = (connection: DatabaseConnection): DatabaseConnection =>
  connection instanceof TranslatedConnection ? connection.inner : connection;
