import type { Clock } from '../../ports/clock.ts';
import type { Acquisition, Lease, LeasePage, LeaseRecord, LeaseRequest, LeaseStore } from '../../ports/lease-store.ts';
import { Broadcast } from './broadcast.ts';

interface Entry {
  readonly record: LeaseRecord;
  /** Until when, on the monotonic clock. */
  untilMs: number;
}

interface Loss {
  readonly keeper: string;
  readonly name: string;
  readonly epoch: bigint;
}

/** Leases of one process. Gateways that share the store share the leases. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #losses = new Broadcast<Loss>();
  readonly #sinceMs: number;
  readonly #heard = new Map<string, number>();
  #lastEpoch = 0n;

  /** `lostDataAtMs`: on the monotonic clock, when what it held before was lost; by default there was nothing. */
  constructor(clock: Clock, { lostDataAtMs = Number.NEGATIVE_INFINITY } = {}) {
    this.#clock = clock;
    this.#sinceMs = lostDataAtMs;
  }

  acquire(request: LeaseRequest): Promise<Acquisition> {
    const before = this.#live(request.name);
    if (before?.record.state === 'held' && !mayReplace(request, before.record))
      return Promise.resolve({ outcome: 'held', record: before.record });
    const resumed = before !== undefined && request.resumes !== '' && before.record.holder === request.resumes;
    const record: LeaseRecord = {
      name: request.name,
      holder: request.holder,
      keeper: request.keeper,
      note: request.note,
      state: 'held',
      epoch: this.#nextEpoch(),
      firstGrantedAtMs: resumed ? before.record.firstGrantedAtMs : this.#clock.now(),
      resumes: resumed ? before.record.resumes + 1 : 0,
    };
    if (before?.record.state === 'held') this.#tell(before.record);
    this.#entries.set(request.name, { record, untilMs: this.#clock.monotonic() + request.ttlMs });
    return Promise.resolve({ outcome: 'granted', record, resumed });
  }

  renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]> {
    const lost = leases.filter((lease) => {
      const entry = this.#live(lease.name);
      if (entry?.record.state !== 'held' || entry.record.epoch !== lease.epoch) return true;
      entry.untilMs = this.#clock.monotonic() + ttlMs;
      return false;
    });
    return Promise.resolve(lost);
  }

  release({ name, epoch }: Pick<Lease, 'name' | 'epoch'>, lingerMs: number): Promise<boolean> {
    const entry = this.#live(name);
    if (entry?.record.state !== 'held' || entry.record.epoch !== epoch) return Promise.resolve(false);
    this.#tell(entry.record);
    if (lingerMs <= 0) this.#entries.delete(name);
    else
      this.#entries.set(name, {
        record: { ...entry.record, state: 'lingering' },
        untilMs: this.#clock.monotonic() + lingerMs,
      });
    return Promise.resolve(true);
  }

  current(names: readonly string[]): Promise<readonly (LeaseRecord | undefined)[]> {
    return Promise.resolve(names.map((name) => this.#live(name)?.record));
  }

  list(prefix: string, after: string, limit: number): Promise<LeasePage> {
    const names = [...this.#entries.keys()].filter((name) => name.startsWith(prefix) && name > after).toSorted();
    const records: LeaseRecord[] = [];
    for (const name of names) {
      const record = this.#live(name)?.record;
      if (record?.state !== 'held') continue;
      if (records.length === limit) return Promise.resolve({ records, next: records.at(-1)?.name ?? after });
      records.push(record);
    }
    return Promise.resolve({ records });
  }

  losses(
    keeper: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Pick<Lease, 'name' | 'epoch'>>> {
    const count = (by: number): void => void this.#heard.set(keeper, (this.#heard.get(keeper) ?? 0) + by);
    if (!signal.aborted) {
      count(1);
      signal.addEventListener('abort', () => count(-1), { once: true });
    }
    return Promise.resolve(onlyOf(keeper, this.#losses.listen(signal)));
  }

  isHeard(keeper: string): Promise<boolean> {
    return Promise.resolve((this.#heard.get(keeper) ?? 0) > 0);
  }

  age(): Promise<number> {
    return Promise.resolve(this.#clock.monotonic() - this.#sinceMs);
  }

  #tell({ keeper, name, epoch }: LeaseRecord): void {
    this.#losses.send({ keeper, name, epoch });
  }

  #live(name: string): Entry | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.untilMs > this.#clock.monotonic()) return entry;
    this.#entries.delete(name);
    return undefined;
  }

  #nextEpoch(): bigint {
    const clockUs = BigInt(Math.floor(this.#clock.now() * 1000));
    this.#lastEpoch = clockUs > this.#lastEpoch ? clockUs : this.#lastEpoch + 1n;
    return this.#lastEpoch;
  }
}

const mayReplace = (request: LeaseRequest, held: LeaseRecord): boolean =>
  (request.resumes !== '' && request.resumes === held.holder) || request.overEpoch === held.epoch;

async function* onlyOf(keeper: string, losses: AsyncIterable<Loss>): AsyncGenerator<Loss> {
  for await (const loss of losses) if (loss.keeper === keeper) yield loss;
}
