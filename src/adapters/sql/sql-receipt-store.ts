/**
 * Receipts in one row each. A claim and a step are one statement over any number of rows, which compares epoch and rank
 * in the row it writes (I3). What has expired is as good as not there, and is taken away in passing.
 */
import { type Expression, sql } from 'kysely';
import { FabricError } from '../../model/error.ts';
import {
  expiredAt,
  type Receipt,
  type ReceiptState,
  type ReceiptStep,
  receiptRanks,
  stepOf,
} from '../../model/receipt.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Claim, ReceiptStore } from '../../ports/receipt-store.ts';
import type { SqlDatabase } from './sql-database.ts';

interface ReceiptStoreDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly retentionMs: number;
}

interface Row {
  readonly id: string;
  readonly rank: number;
  readonly at_ms: number;
  readonly state: string;
  readonly reason: string;
  readonly due_at: number | null;
}

const sweepEveryMs = 10_000;
const sweptMax = 5000;

export class SqlReceiptStore implements ReceiptStore {
  readonly #deps: ReceiptStoreDeps;
  #sweptAtMs: number;

  constructor(deps: ReceiptStoreDeps) {
    this.#deps = deps;
    this.#sweptAtMs = deps.clock.monotonic();
  }

  async claim(
    owner: string,
    ids: readonly string[],
    { epoch, nowMs }: { readonly epoch: bigint; readonly nowMs: number },
  ): Promise<readonly Claim[]> {
    if (ids.length === 0) return [];
    await this.#sweep();
    const { accepted, durable } = receiptRanks;
    const given = this.#deps.database.dialect.rows('given', JSON.stringify(ids.map((id) => ({ id }))), { id: 'text' });
    const { rows } = await sql<{ id: string; claims: number }>`
      insert into aether_receipt (owner, id, rank, epoch, claims, at_ms, state, reason, expires_at)
      select ${text(owner)}, given.id, ${integer(accepted)}, ${integer(epoch)}, 1, ${integer(Math.floor(nowMs))},
        'accepted', '', ${this.#expiry}
      from ${given} where true
      on conflict (owner, id) do update set
        rank = excluded.rank, epoch = excluded.epoch, at_ms = excluded.at_ms, state = excluded.state, reason = '',
        expires_at = excluded.expires_at,
        claims = case when aether_receipt.expires_at <= ${this.#now} or aether_receipt.rank < ${integer(accepted)}
          then 1 else aether_receipt.claims + 1 end
      where aether_receipt.expires_at <= ${this.#now}
        or (aether_receipt.rank < ${integer(durable)} and aether_receipt.epoch <= excluded.epoch)
      returning id, claims`.execute(this.#deps.database.queries);
    const claims = new Map(rows.map((row) => [row.id, row.claims]));
    const rest = await this.#known(
      owner,
      ids.filter((id) => !claims.has(id)),
    );
    return ids.map((id): Claim => {
      const count = claims.get(id);
      return count === undefined ? toClaim(rest.get(id)) : { outcome: count === 1 ? 'new' : 'unknown' };
    });
  }

  async advance(steps: readonly ReceiptStep[]): Promise<void> {
    if (steps.length === 0) return;
    const rows = highestOf(steps).map(({ owner, id, rank, atMs, state, reason, expiresAtMs }) => ({
      owner,
      id,
      rank,
      at_ms: Math.floor(atMs),
      state,
      reason,
      due_at: expiresAtMs === undefined ? null : Math.ceil(expiresAtMs),
    }));
    const given = this.#deps.database.dialect.rows('given', JSON.stringify(rows), {
      owner: 'text',
      id: 'text',
      rank: 'integer',
      at_ms: 'integer',
      state: 'text',
      reason: 'text',
      due_at: 'integer',
    });
    await sql`
      insert into aether_receipt (owner, id, rank, epoch, claims, at_ms, state, reason, due_at, expires_at)
      select given.owner, given.id, given.rank, 0, 1, given.at_ms, given.state, given.reason, given.due_at,
        ${this.#expiry}
      from ${given} where true
      on conflict (owner, id) do update set
        rank = excluded.rank, at_ms = excluded.at_ms, state = excluded.state, reason = excluded.reason,
        due_at = excluded.due_at, expires_at = excluded.expires_at
      where aether_receipt.rank < excluded.rank or aether_receipt.expires_at <= ${this.#now}`.execute(
      this.#deps.database.queries,
    );
  }

  async expire(nowMs: number, limit: number): Promise<readonly ReceiptStep[]> {
    const { queries, dialect } = this.#deps.database;
    const { rows } = await sql<{ owner: string; id: string; at_ms: number }>`
      with due as (
        select owner, id from aether_receipt where due_at <= ${integer(Math.floor(nowMs))}
        order by due_at limit ${limit} ${dialect.skipLocked}
      )
      update aether_receipt set rank = ${integer(receiptRanks.expired)}, at_ms = aether_receipt.due_at,
        state = 'expired', reason = '', due_at = null, expires_at = ${this.#expiry}
      from due where aether_receipt.owner = due.owner and aether_receipt.id = due.id
      returning aether_receipt.owner as owner, aether_receipt.id as id, aether_receipt.at_ms as at_ms`.execute(queries);
    return rows
      .toSorted((one, other) => one.at_ms - other.at_ms)
      .map((row) => stepOf(row.owner, expiredAt(row.id, row.at_ms)));
  }

  async get(owner: string, ids: readonly string[]): Promise<readonly (Receipt | undefined)[]> {
    const found = await this.#known(owner, ids);
    return ids.map((id) => {
      const row = found.get(id);
      return row && toReceipt(row);
    });
  }

  async #known(owner: string, ids: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    if (ids.length === 0) return new Map();
    const { queries, dialect } = this.#deps.database;
    const given = dialect.rows('given', JSON.stringify(ids.map((id) => ({ id }))), { id: 'text' });
    const { rows } = await sql<Row>`
      select receipt.id as id, receipt.rank as rank, receipt.at_ms as at_ms, receipt.state as state,
        receipt.reason as reason, receipt.due_at as due_at
      from ${given} join aether_receipt receipt on receipt.owner = ${text(owner)} and receipt.id = given.id
      where receipt.expires_at > ${this.#now}`.execute(queries);
    return new Map(rows.map((row) => [row.id, row]));
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#deps.clock.monotonic();
    if (nowMs - this.#sweptAtMs < sweepEveryMs) return;
    this.#sweptAtMs = nowMs;
    await sql`
      delete from aether_receipt where (owner, id) in (
        select owner, id from aether_receipt where expires_at <= ${this.#now} limit ${sql.lit(sweptMax)})`.execute(
      this.#deps.database.queries,
    );
  }

  get #now(): Expression<number> {
    return this.#deps.database.dialect.nowMs(this.#deps.clock);
  }

  get #expiry(): Expression<number> {
    return sql<number>`${this.#now} + ${sql.lit(this.#deps.retentionMs)}`;
  }
}

/** Postgres takes a bare parameter in a selection for text, and a number for a small one. */
const text = (value: string): Expression<string> => sql<string>`cast(${value} as text)`;
const integer = (value: number | bigint): Expression<number> => sql<number>`cast(${value} as bigint)`;

/** A statement changes a row only once. */
const highestOf = (steps: readonly ReceiptStep[]): readonly ReceiptStep[] => {
  const highest = new Map<string, ReceiptStep>();
  for (const step of steps) {
    const key = `${step.owner} ${step.id}`;
    if ((highest.get(key)?.rank ?? -1) < step.rank) highest.set(key, step);
  }
  return [...highest.values()];
};

/** What could not be claimed is further, or a newer session's. */
const toClaim = (row: Row | undefined): Claim =>
  row !== undefined && row.rank >= receiptRanks.durable
    ? { outcome: 'known', receipt: toReceipt(row) }
    : { outcome: 'superseded' };

const isState = (value: string): value is ReceiptState => Object.hasOwn(receiptRanks, value);

const toReceipt = ({ id, state, at_ms, reason, due_at }: Row): Receipt => {
  if (!isState(state))
    throw new FabricError('ERR_INTERNAL', `"${state}" in the database is not the state of a receipt`);
  const receipt = { id, state, atMs: at_ms, reason };
  return due_at === null ? receipt : { ...receipt, expiresAtMs: due_at };
};
