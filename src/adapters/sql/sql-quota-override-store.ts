import { z } from 'zod';
import { limitNames } from '../../model/quota.ts';
import type { QuotaOverride, QuotaOverrideStore } from '../../ports/quota-override-store.ts';
import type { SqlDatabase } from './sql-database.ts';

/** What a newer release has written beside them is left out. */
const limits = z.partialRecord(z.enum(limitNames), z.number());
const known: ReadonlySet<string> = new Set(limitNames);

/** Overrides in one row each. */
export class SqlQuotaOverrideStore implements QuotaOverrideStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async list(): Promise<readonly QuotaOverride[]> {
    const rows = await this.#database.queries.selectFrom('aether_quota_override').selectAll().execute();
    return rows
      .map((row) => ({ subject: row.subject, limits: decode(row.limits) }))
      .toSorted((one, other) => Buffer.compare(Buffer.from(one.subject), Buffer.from(other.subject)));
  }

  async put({ subject, limits: changes }: QuotaOverride): Promise<void> {
    const text = JSON.stringify(changes);
    await this.#database.queries
      .insertInto('aether_quota_override')
      .values({ subject, limits: text })
      .onConflict((conflict) => conflict.column('subject').doUpdateSet({ limits: text }))
      .execute();
  }

  async remove(subject: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database.queries
      .deleteFrom('aether_quota_override')
      .where('subject', '=', subject)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }
}

const decode = (text: string): QuotaOverride['limits'] => {
  const document = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  return limits.parse(Object.fromEntries(Object.entries(document).filter(([name]) => known.has(name))));
};
