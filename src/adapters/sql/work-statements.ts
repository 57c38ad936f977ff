/** The statements of the work queue, the same text for both dialects. Each is atomic and takes any number of rows. */
import { sql } from 'kysely';
import type { Clock } from '../../ports/clock.ts';
import type { SqlDatabase } from './sql-database.ts';

export interface Push {
  readonly topic: string;
  readonly parts: readonly Uint8Array[];
}

/** The right to work on an item, until its deadline: void as soon as somebody else has claimed it, one attempt later. */
export interface Claim {
  readonly id: number;
  readonly attempt: number;
}

export interface ClaimedItem extends Claim {
  readonly body: Uint8Array;
}

interface StatementsDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly claimTtlMs: number;
}

export class WorkStatements {
  readonly #deps: StatementsDeps;

  constructor(deps: StatementsDeps) {
    this.#deps = deps;
  }

  /** All bodies travel as one parameter, which the statement cuts up. */
  async push(pushes: readonly Push[]): Promise<void> {
    const { queries, dialect } = this.#deps.database;
    let at = 1 + filler.byteLength;
    const places = pushes.map(({ topic, parts }) => {
      const bytes = bytesOf(parts);
      const place = { topic, at, bytes };
      at += bytes;
      return place;
    });
    const bodies = Buffer.concat([filler, ...pushes.flatMap(({ parts }) => parts)]);
    const given = dialect.rows('given', JSON.stringify(places), { topic: 'text', at: 'integer', bytes: 'integer' });
    await sql`
      insert into aether_work_item (topic, body)
      select given.topic,
        substr(cast(${bodies} as ${dialect.types.blob}), cast(given.at as integer), cast(given.bytes as integer))
      from ${given}`.execute(queries);
  }

  /** Claims the oldest items that are free, at most `limit`. Claimants never wait for each other. */
  async claim(topic: string, limit: number): Promise<readonly ClaimedItem[]> {
    const { queries, dialect } = this.#deps.database;
    const { rows } = await sql<ClaimedItem>`
      with free as (
        select id from aether_work_item where topic = ${topic} and claimed_until <= ${this.#now}
        order by id limit ${limit} ${dialect.skipLocked}
      )
      update aether_work_item set attempt = attempt + 1, claimed_until = ${this.#deadline}
      from free where aether_work_item.id = free.id
      returning aether_work_item.id as id, aether_work_item.attempt as attempt, aether_work_item.body as body`.execute(
      queries,
    );
    return rows.toSorted((one, other) => one.id - other.id);
  }

  async complete(claims: readonly Claim[]): Promise<void> {
    await sql`
      delete from aether_work_item
      where (id, attempt) in (select given.id, given.attempt from ${this.#given(claims)})`.execute(
      this.#deps.database.queries,
    );
  }

  async release(claims: readonly Claim[]): Promise<void> {
    await sql`
      update aether_work_item set claimed_until = 0 from ${this.#given(claims)}
      where ${sameClaim}`.execute(this.#deps.database.queries);
  }

  /** Leaves alone what has been released since. */
  async renew(claims: readonly Claim[]): Promise<void> {
    await sql`
      update aether_work_item set claimed_until = ${this.#deadline} from ${this.#given(claims)}
      where ${sameClaim} and aether_work_item.claimed_until > 0`.execute(this.#deps.database.queries);
  }

  /** Those of the topics that have an item to claim. */
  async withWork(topics: readonly string[]): Promise<readonly string[]> {
    const { queries, dialect } = this.#deps.database;
    const given = dialect.rows('given', JSON.stringify(topics.map((topic) => ({ topic }))), { topic: 'text' });
    const { rows } = await sql<{ topic: string }>`
      select given.topic as topic from ${given}
      where exists (select 1 from aether_work_item item
        where item.topic = given.topic and item.claimed_until <= ${this.#now})`.execute(queries);
    return rows.map(({ topic }) => topic);
  }

  /** Voids all claims, those of the living too. */
  async releaseAll(): Promise<void> {
    await this.#deps.database.queries
      .updateTable('aether_work_item')
      .set({ claimed_until: 0 })
      .where('claimed_until', '>', 0)
      .execute();
  }

  get #now() {
    return this.#deps.database.dialect.nowMs(this.#deps.clock);
  }

  get #deadline() {
    return sql`${this.#now} + ${sql.lit(this.#deps.claimTtlMs)}`;
  }

  #given(claims: readonly Claim[]) {
    const claimed = claims.map(({ id, attempt }) => ({ id, attempt }));
    return this.#deps.database.dialect.rows('given', JSON.stringify(claimed), { id: 'integer', attempt: 'integer' });
  }
}

/** SQLite takes a piece of nothing for null, not for empty. */
const filler = Buffer.of(0);

const sameClaim = sql`aether_work_item.id = given.id and aether_work_item.attempt = given.attempt`;

export const bytesOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((bytes, part) => bytes + part.byteLength, 0);
