import { FabricError } from '../../model/error.ts';
import type { Acquisition, Lease, LeasePage, LeaseRecord, LeaseRequest, LeaseStore } from '../../ports/lease-store.ts';
import { batchesOf } from './batches.ts';
import { bucketOf, type RedisKeys } from './keys.ts';
import { decodeLease, encodeWords } from './lease-record.ts';
import { acquireScript, ageScript, releaseScript, renewScript } from './lease-scripts.ts';
import { listLeases } from './list-leases.ts';
import { listenToLosses } from './losses.ts';
import type { RedisConnection } from './redis-connection.ts';
import { integerOf, listOf, textOf } from './reply.ts';
import type { Script } from './script.ts';
import { StoreTime } from './store-time.ts';

/** Leases in one script: Redis does nothing else while it runs, here for about a millisecond. */
const leasesPerScriptMax = 500;

export interface RedisLeaseStoreDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
  /** Whether it is certain that nothing was ever kept under these keys. */
  readonly isNew?: boolean;
}

/** Leases in Redis: a grant, renewal, release and loss are one atomic step each (`lease-scripts.ts`). */
export class RedisLeaseStore implements LeaseStore {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;
  #isNew: boolean;
  readonly #time = new StoreTime(() => performance.now());

  constructor({ redis, keys, isNew = false }: RedisLeaseStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
    this.#isNew = isNew;
  }

  async acquire(request: LeaseRequest): Promise<Acquisition> {
    const { name, holder, keeper, note, ttlMs, resumes, overEpoch } = request;
    const bucket = bucketOf(name);
    const keys = [this.#keys.leases(bucket) + name, this.#keys.epoch(bucket), this.#keys.names(bucket)];
    const over = overEpoch === undefined ? '' : String(overEpoch);
    const args = [name, milliseconds(ttlMs), encodeWords(request), resumes, over, this.#keys.losses];
    const [outcome, ...facts] = await this.#inTime(bucket, acquireScript, keys, args);
    if (outcome === 'held') return { outcome, record: decodeLease(name, textOf(facts[0])) };
    const [epoch, firstGrantedAtMs, resumptions, resumed] = facts;
    return {
      outcome: 'granted',
      resumed: resumed === 1,
      record: {
        name,
        holder,
        keeper,
        note,
        state: 'held',
        epoch: BigInt(textOf(epoch)),
        firstGrantedAtMs: Number(textOf(firstGrantedAtMs)),
        resumes: Number(textOf(resumptions)),
      },
    };
  }

  async renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]> {
    const batches = batchesOf(leases, ({ name }) => name, leasesPerScriptMax);
    const lost = await Promise.all(
      batches.map(async ({ bucket, items }) => {
        const prefix = this.#keys.leases(bucket);
        const keys = items.map(({ name }) => prefix + name);
        const args = [milliseconds(ttlMs), ...items.map(({ epoch }) => String(epoch))];
        const [, ...places] = await this.#inTime(bucket, renewScript, keys, args);
        const refused = new Set(places);
        return items.filter((_, index) => refused.has(index + 1));
      }),
    );
    return lost.flat();
  }

  async release({ name, epoch }: Pick<Lease, 'name' | 'epoch'>, lingerMs: number): Promise<boolean> {
    const bucket = bucketOf(name);
    const keys = [this.#keys.leases(bucket) + name, this.#keys.names(bucket)];
    const linger = lingerMs > 0 ? milliseconds(lingerMs) : '0';
    const args = [name, String(epoch), linger, this.#keys.losses];
    return integerOf(await this.#redis.script(releaseScript, keys, args)) === 1;
  }

  async current(names: readonly string[]): Promise<readonly (LeaseRecord | undefined)[]> {
    const records = new Map<string, LeaseRecord>();
    const batches = batchesOf(names, (name) => name, leasesPerScriptMax);
    await Promise.all(
      batches.map(async ({ bucket, items }) => {
        const prefix = this.#keys.leases(bucket);
        const found = await this.#redis.command((client) => client.mget(items.map((name) => prefix + name)));
        for (const [index, name] of items.entries()) {
          const text = found[index];
          if (typeof text === 'string') records.set(name, decodeLease(name, text));
        }
      }),
    );
    return names.map((name) => records.get(name));
  }

  list(prefix: string, after: string, limit: number): Promise<LeasePage> {
    return listLeases({ redis: this.#redis, keys: this.#keys }, { prefix, after, limit });
  }

  losses(
    keeper: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Pick<Lease, 'name' | 'epoch'>>> {
    return listenToLosses(this.#redis.subscriber, this.#keys.losses + keeper, signal);
  }

  /** A node of a cluster only knows who listens on itself. */
  async isHeard(keeper: string): Promise<boolean> {
    if (this.#redis.isCluster) return true;
    const channel = this.#keys.losses + keeper;
    const [, listeners] = await this.#redis.command((client) => client.pubsub('NUMSUB', channel));
    return Number(listeners) > 0;
  }

  async age(): Promise<number> {
    const since = this.#isNew ? '0' : '';
    this.#isNew = false;
    return integerOf(await this.#redis.script(ageScript, [this.#keys.since], [since]));
  }

  /** Runs a script that is not to act on what its caller no longer waits for; without its reading of the clock. */
  async #inTime(
    bucket: number,
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<readonly unknown[]> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const askedAtMs = this.#time.now();
      const deadline = this.#time.deadline(bucket, askedAtMs, this.#redis.commandTimeoutMs);
      const [outcome, storeMs, ...facts] = listOf(await this.#redis.script(script, keys, [String(deadline), ...args]));
      this.#time.observe(bucket, askedAtMs, Number(textOf(storeMs)));
      // Late although we still wait: Redis' clock was set forward, and is known now.
      if (outcome !== 'late') return [outcome, ...facts];
    }
    throw new FabricError('STORE_UNAVAILABLE', 'Redis got to a command too late');
  }
}

const milliseconds = (ms: number): string => String(Math.max(1, Math.ceil(ms)));
