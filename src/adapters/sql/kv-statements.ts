/** The statements of key-value state, the same text for both dialects. Each takes any number of keys. */
import { type Kysely, sql } from 'kysely';
import type { KvPlace, KvSpace } from '../../model/kv-command.ts';
import type { KvState } from '../../model/kv-rules.ts';
import { bytesText, type SqlDialect } from './dialect.ts';
import type { Change, KvBatch } from './kv-batch.ts';
import type { Schema } from './schema.ts';

type Queries = Kysely<Schema>;

interface StateRow {
  readonly n: number;
  readonly value: Uint8Array | null;
  readonly members: number | null;
  readonly expires_at: number | null;
}

/** SQLite takes a piece of nothing for null, not for empty. */
const filler = Buffer.of(0);
const place = { owner: 'text', space: 'text', key: 'bytes' } as const;

const placeRow = ({ space, key }: KvPlace) => ({ owner: space.owner, space: space.name, key: bytesText(key) });

export class KvStatements {
  readonly #dialect: SqlDialect;

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
  }

  /** What the places hold, by index. */
  async load(queries: Queries, places: readonly KvPlace[]): Promise<ReadonlyMap<number, KvState>> {
    const asked = places.map((one, n) => ({ n, ...placeRow(one) }));
    const given = this.#dialect.rows('given', JSON.stringify(asked), { n: 'integer', ...place });
    const { rows } = await sql<StateRow>`
      select given.n as n, kv.value as value, kv.members as members, kv.expires_at as expires_at
      from ${given} inner join aether_kv kv
      on kv.owner = given.owner and kv.space = given.space and kv.key = given.key`.execute(queries);
    return new Map(rows.map((row) => [row.n, stateOf(row)]));
  }

  /** Which of the members their sets have, by index. */
  async held(queries: Queries, { members, places }: KvBatch): Promise<ReadonlySet<number>> {
    if (members.length === 0) return new Set();
    const asked = members.flatMap(({ place: index, member }, n) => {
      const found = places[index];
      return found === undefined ? [] : [{ n, ...placeRow(found), member: bytesText(member) }];
    });
    const given = this.#dialect.rows('given', JSON.stringify(asked), { n: 'integer', ...place, member: 'bytes' });
    const { rows } = await sql<{ n: number }>`
      select given.n as n from ${given} inner join aether_kv_member held
      on held.owner = given.owner and held.space = given.space and held.key = given.key
        and held.member = given.member`.execute(queries);
    return new Set(rows.map(({ n }) => n));
  }

  /** How many keys the spaces have, by the same names. */
  async counts(
    queries: Queries,
    spaces: ReadonlyMap<string, KvSpace>,
    nowMs: number,
  ): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const [key, { owner, name }] of spaces) {
      const { rows } = await sql<{ count: number }>`
        select count(*) as count from aether_kv
        where owner = ${owner} and space = ${name} and (expires_at is null or expires_at > ${nowMs})`.execute(queries);
      counts.set(key, rows[0]?.count ?? 0);
    }
    return counts;
  }

  async store(queries: Queries, changes: readonly Change[]): Promise<void> {
    await this.#delete(
      queries,
      changes.filter(({ state, isReplaced }) => isReplaced || state === undefined),
    );
    await this.#write(queries, changes);
    await this.#addMembers(queries, changes);
  }

  /** Keys and sizes of a page and one more; sets have no size. */
  async names(
    queries: Queries,
    space: KvSpace,
    { least, isAfter, most, limit, nowMs }: Range,
  ): Promise<readonly { readonly key: Uint8Array; readonly bytes: number }[]> {
    const { rows } = await sql<{ key: Uint8Array; bytes: number }>`
      select key, coalesce(length(value), 0) as bytes from aether_kv
      where owner = ${space.owner} and space = ${space.name}
        and ${isAfter ? sql`key > ${least}` : sql`key >= ${least}`}
        ${most === undefined ? sql`` : sql`and key < ${most}`}
        and (expires_at is null or expires_at > ${nowMs})
      order by key limit ${limit}`.execute(queries);
    return rows;
  }

  /** From one key to another, both included. */
  async values(
    queries: Queries,
    space: KvSpace,
    { first, last, nowMs }: { readonly first: Uint8Array; readonly last: Uint8Array; readonly nowMs: number },
  ): Promise<readonly { readonly key: Uint8Array; readonly value: Uint8Array | null }[]> {
    const { rows } = await sql<{ key: Uint8Array; value: Uint8Array | null }>`
      select key, value from aether_kv
      where owner = ${space.owner} and space = ${space.name} and key >= ${first} and key <= ${last}
        and (expires_at is null or expires_at > ${nowMs})
      order by key`.execute(queries);
    return rows;
  }

  async #delete(queries: Queries, changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const given = this.#dialect.rows('given', JSON.stringify(changes.map((change) => placeRow(change.place))), place);
    await sql`
      delete from aether_kv where (owner, space, key) in (select given.owner, given.space, given.key from ${given})`.execute(
      queries,
    );
  }

  /** All values travel as one parameter, which the statement cuts up. */
  async #write(queries: Queries, changes: readonly Change[]): Promise<void> {
    const values: Uint8Array[] = [filler];
    let at = 1 + filler.byteLength;
    const rows = changes.flatMap(({ place: where, state }) => {
      if (state === undefined) return [];
      const value = state.kind === 'value' ? state.value : undefined;
      const members = state.kind === 'set' ? state.members : null;
      const row = { ...placeRow(where), at, bytes: value?.byteLength ?? null, members };
      if (value !== undefined) values.push(value);
      at += value?.byteLength ?? 0;
      return [{ ...row, expires_at: state.expiresAtMs ?? null }];
    });
    if (rows.length === 0) return;
    const columns = { ...place, at: 'integer', bytes: 'integer', members: 'integer', expires_at: 'integer' } as const;
    const given = this.#dialect.rows('given', JSON.stringify(rows), columns);
    await sql`
      insert into aether_kv (owner, space, key, members, expires_at, value)
      select given.owner, given.space, given.key, given.members, given.expires_at,
        case when given.bytes is not null then substr(cast(${Buffer.concat(values)} as ${this.#dialect.types.blob}),
          cast(given.at as integer), cast(given.bytes as integer)) end
      from ${given} where true
      on conflict (owner, space, key) do update
      set value = excluded.value, members = excluded.members, expires_at = excluded.expires_at`.execute(queries);
  }

  async #addMembers(queries: Queries, changes: readonly Change[]): Promise<void> {
    const rows = changes.flatMap(({ place: where, added }) =>
      added.map((member) => ({ ...placeRow(where), member: bytesText(member) })),
    );
    if (rows.length === 0) return;
    const given = this.#dialect.rows('given', JSON.stringify(rows), { ...place, member: 'bytes' });
    await sql`
      insert into aether_kv_member (owner, space, key, member)
      select given.owner, given.space, given.key, given.member from ${given}`.execute(queries);
  }
}

export interface Range {
  readonly least: Uint8Array;
  readonly isAfter: boolean;
  /** The first key beyond; `undefined` for none. */
  readonly most: Uint8Array | undefined;
  readonly limit: number;
  readonly nowMs: number;
}

const stateOf = ({ value, members, expires_at }: StateRow): KvState => {
  const expiresAtMs = expires_at ?? undefined;
  return value === null ? { kind: 'set', members: members ?? 0, expiresAtMs } : { kind: 'value', value, expiresAtMs };
};
