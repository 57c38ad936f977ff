import type { Rate } from '../../model/quota.ts';
import type { Admission, ConnectionCount, Grant, QuotaLedger } from '../../ports/quota-ledger.ts';
import { batchesOf } from './batches.ts';
import type { RedisKeys } from './keys.ts';
import { noteConnectionsScript, takeQuotaScript } from './quota-scripts.ts';
import type { RedisConnection } from './redis-connection.ts';
import { integerOf, listOf } from './reply.ts';

const workspacesPerScriptMax = 200;
/** Noted whatever the others have. */
const unlimited = -1;

export interface RedisQuotaLedgerDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
}

/** What the gateways of a fabric use up, in Redis, by Redis' clock. */
export class RedisQuotaLedger implements QuotaLedger {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;

  constructor({ redis, keys }: RedisQuotaLedgerDeps) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async take(workspace: string, { perSecond, burst }: Rate, count: number): Promise<Grant> {
    const args = [String(perSecond), String(burst), String(count)];
    const [granted, waitMs] = listOf(
      await this.#redis.script(takeQuotaScript, [this.#keys.workspaceRate(workspace)], args),
    );
    return { granted: integerOf(granted), waitMs: integerOf(waitMs) };
  }

  async admit(
    holder: string,
    { max, ...one }: ConnectionCount & { readonly max: number },
    ttlMs: number,
  ): Promise<Admission> {
    const [admitted, others] = await this.#note(holder, [{ ...one, max }], ttlMs);
    return { admitted: admitted === 1, others: integerOf(others) };
  }

  async report(holder: string, counts: readonly ConnectionCount[], ttlMs: number): Promise<void> {
    const batches = batchesOf(counts, ({ workspace }) => workspace, workspacesPerScriptMax);
    await Promise.all(
      batches.map(({ items }) =>
        this.#note(
          holder,
          items.map((item) => ({ ...item, max: unlimited })),
          ttlMs,
        ),
      ),
    );
  }

  /** Of one bucket. */
  async #note(
    holder: string,
    counts: readonly (ConnectionCount & { readonly max: number })[],
    ttlMs: number,
  ): Promise<readonly unknown[]> {
    const keys = counts.map(({ workspace }) => this.#keys.workspaceConnections(workspace));
    const args = [holder, String(ttlMs), ...counts.flatMap(({ count, max }) => [String(count), String(max)])];
    return listOf(await this.#redis.script(noteConnectionsScript, keys, args));
  }
}
