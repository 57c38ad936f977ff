import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { MemoryLeaseStore } from '../../../src/adapters/memory/memory-lease-store.ts';
import { bucketOf, buckets } from '../../../src/adapters/redis/keys.ts';
import { RedisLeaseStore } from '../../../src/adapters/redis/redis-lease-store.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { LeaseRecord, LeaseStore } from '../../../src/ports/lease-store.ts';
import { onEachRedis } from './addresses.ts';
import { canStartRedis, openPrivateRedis } from './private-redis.ts';
import { asking, granted, openStores } from './stores.ts';

const prefixOfThisRun = `leases-${process.pid}-${Date.now()}:`;

const never = (): never => expect.fail('the store waits for nothing');

/** A clock whose every look is a millisecond later; leases with a long TTL never run out by it. */
const steppingClock = (): Clock => {
  let ms = Date.now();
  return { now: () => (ms += 1), monotonic: () => ms, sleep: never, schedule: never };
};

type Step =
  | {
      readonly do: 'acquire';
      readonly holder: string;
      readonly resumes: string;
      readonly over: 'none' | 'seen' | 'older';
    }
  | { readonly do: 'renew' | 'release' | 'linger'; readonly grant: number }
  | { readonly do: 'current' | 'list' };

const anyHolder = fc.constantFrom('s1', 's2', 's3');
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      holder: anyHolder,
      resumes: fc.oneof(fc.constant(''), anyHolder),
      over: fc.constantFrom('none', 'seen', 'older'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('renew', 'release', 'linger'),
      // Mostly the latest grant, sometimes one before it.
      grant: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('current', 'list') }) },
);

/** What a store does, with its epochs replaced by the order of their grants and its times by that of first grants. */
class Observed {
  readonly #store: LeaseStore;
  readonly #name: string;
  readonly epochs: bigint[] = [];
  readonly #firsts: number[] = [];

  constructor(store: LeaseStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  async take(step: Step): Promise<unknown> {
    switch (step.do) {
      case 'acquire':
        return this.#acquire(step);
      case 'renew': {
        const lost = await this.#store.renew(
          [{ name: this.#name, holder: 's1', epoch: this.#epochOf(step) }],
          3_600_000,
        );
        return lost.length;
      }
      case 'release':
      case 'linger':
        return this.#store.release(
          { name: this.#name, epoch: this.#epochOf(step) },
          step.do === 'linger' ? 3_600_000 : 0,
        );
      case 'current':
        return (await this.#store.current([this.#name])).map((record) => record && this.#shape(record));
      case 'list':
        return (await this.#store.list(this.#name, '', 10)).records.map((record) => this.#shape(record));
    }
  }

  async #acquire({ holder, resumes, over }: Extract<Step, { do: 'acquire' }>): Promise<unknown> {
    const latest = this.epochs.at(-1) ?? 1n;
    const request = asking(this.#name, { holder, resumes, note: `of ${holder}`, ttlMs: 3_600_000 });
    const acquisition = await this.#store.acquire(
      over === 'none' ? request : { ...request, overEpoch: over === 'seen' ? latest : latest - 1n },
    );
    if (acquisition.outcome === 'granted') {
      this.epochs.push(acquisition.record.epoch);
      if (!acquisition.resumed) this.#firsts.push(acquisition.record.firstGrantedAtMs);
    }
    return { ...acquisition, record: this.#shape(acquisition.record) };
  }

  #epochOf({ grant }: { readonly grant: number }): bigint {
    return this.epochs.at(-1 - grant) ?? 1n;
  }

  #shape(record: LeaseRecord): unknown {
    return {
      ...record,
      epoch: this.epochs.indexOf(record.epoch),
      firstGrantedAtMs: record.firstGrantedAtMs === this.#firsts.at(-1),
    };
  }
}

onEachRedis((kind, server) => {
  describe(`redis leases: ${kind}`, () => {
    test('any sequence of steps on a name goes as in the memory store', async () => {
      await using stores = await openStores(server, prefixOfThisRun);
      let serial = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 25 }), async (steps) => {
          const name = `ag::model::${kind}::${(serial += 1)}`;
          const expected = new Observed(new MemoryLeaseStore(steppingClock()), name);
          const observed = new Observed(stores.leases, name);
          for (const each of steps) expect(await observed.take(each)).toEqual(await expected.take(each));
          expect(observed.epochs).toEqual([...new Set(observed.epochs)].toSorted((a, b) => (a < b ? -1 : 1)));
        }),
        { numRuns: 200 },
      );
    });

    test('of 200 who ask at once through two gateways one gets it', async () => {
      await using one = await openStores(server, prefixOfThisRun);
      await using other = await openStores(server, prefixOfThisRun);
      for (let round = 0; round < 5; round += 1) {
        const name = `ag::race::${kind}::${round}`;
        const asked = Array.from({ length: 200 }, (_, n) =>
          (n % 2 === 0 ? one : other).leases.acquire(asking(name, { holder: `s${n}` })),
        );
        const outcomes = await Promise.all(asked);
        const winners = outcomes.filter(({ outcome }) => outcome === 'granted');
        expect(winners).toHaveLength(1);
        expect(outcomes.every(({ record }) => record.holder === winners[0]?.record.holder)).toBe(true);
      }
    });

    test('lists what two gateways hold, from any beginning of a name, in the order of bytes', async () => {
      await using one = await openStores(server, `list-${prefixOfThisRun}`);
      await using other = await openStores(server, `list-${prefixOfThisRun}`);
      const names = Array.from({ length: 300 }, (_, n) => `ag::w${n % 3}::i::s${n}`).concat(
        ...['ü', '￿', '\u{1f600}', 'z'].map((end) => [`sv::${end}`, `sv::${end}::${end}`, end]),
      );
      await Promise.all(names.map((name, n) => (n % 2 === 0 ? one : other).leases.acquire(asking(name))));
      const inOrder = names.toSorted((a, b) => Buffer.from(a).compare(Buffer.from(b)));
      for (const prefix of ['', 'a', 'ag::w1', 'ag::w1::i::s1', 'sv::', 'sv::ü', '￿', '\u{1f600}', 'nothing', ':'])
        for (const limit of [3, 40, 1000]) {
          const listed: string[] = [];
          let after: string | undefined = '';
          while (after !== undefined) {
            const page = await one.leases.list(prefix, after, limit);
            listed.push(...page.records.map(({ name }) => name));
            expect(page.next).toBe(page.next === undefined ? undefined : listed.at(-1));
            after = page.next;
          }
          expect(listed).toEqual(inOrder.filter((name) => name.startsWith(prefix)));
        }
    });

    test('names whose lease has run out leave the index by listing, and by chance without it', async () => {
      await using stores = await openStores(server, `index-${prefixOfThisRun}`);
      const { leases, redis, keys } = stores;
      const indexed = async (): Promise<number> => {
        const counts = Array.from({ length: buckets }, (_, bucket) =>
          redis.command((client) => client.zcard(keys.names(bucket))),
        );
        return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
      };
      const grant = (from: number, count: number, ttlMs: number) =>
        Promise.all(
          Array.from({ length: count }, (_, n) => leases.acquire(asking(`ta::w::i::${from + n}`, { ttlMs }))),
        );
      await grant(0, 500, 400);
      await vi.waitFor(async () => expect(await leases.current(['ta::w::i::499'])).toEqual([undefined]));
      expect(await indexed()).toBeGreaterThan(400);
      expect((await leases.list('', '', 10)).records).toEqual([]);
      expect(await indexed()).toBe(0);
      for (let round = 1; round <= 20; round += 1) {
        await grant(round * 1000, 1000, 1);
        await vi.waitFor(async () => expect(await leases.current([`ta::w::i::${round * 1000}`])).toEqual([undefined]));
      }
      expect(await indexed()).toBeLessThan(5000);
    });

    test('a lease that is listed as gone while it is granted again is not lost from the index', async () => {
      await using stores = await openStores(server, `churn-${prefixOfThisRun}`);
      const { leases } = stores;
      const churn = async (name: string): Promise<void> => {
        for (let round = 0; round < 40; round += 1) {
          const record = granted(await leases.acquire(asking(name, { ttlMs: round === 39 ? 60_000 : 1 })));
          if (round % 2 === 0 && round < 39) await leases.release(record, 0);
          else if (round < 39) await delay(3);
        }
      };
      const names = Array.from({ length: 50 }, (_, n) => `ag::churn::i::${String(n).padStart(2, '0')}`);
      const done = new AbortController();
      const churning = Promise.all(names.map(churn)).finally(() => done.abort());
      while (!done.signal.aborted) await leases.list('ag::', '', 100);
      await churning;
      expect((await leases.list('ag::churn', '', 100)).records.map(({ name }) => name)).toEqual(names);
    });
  });
});

describe.skipIf(!canStartRedis)('redis epochs', () => {
  test('do not go back when Redis has lost its data', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false });
    let last = 0n;
    for (let round = 0; round < 3; round += 1) {
      const before = granted(await stores.leases.acquire(asking('ag::w::i::s')));
      expect(before.epoch).toBeGreaterThan(last);
      last = before.epoch;
      await services.redis.wipe();
      await vi.waitFor(async () => expect(await stores.leases.renew([before], 30_000)).toEqual([before]), {
        timeout: 5000,
      });
    }
  });

  test('grow though the clock of Redis has gone back, also on names released meanwhile', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false });
    const { leases, redis, keys } = stores;
    const name = 'ag::w::i::s';
    // As if a clock an hour ahead had granted the last one.
    const ahead = BigInt(Date.now() + 3_600_000) * 1000n;
    await redis.command((client) => client.set(keys.epoch(bucketOf(name)), String(ahead)));
    const first = granted(await leases.acquire(asking(name)));
    await leases.release(first, 0);
    const second = granted(await leases.acquire(asking(name)));
    expect([first.epoch, second.epoch]).toEqual([ahead + 1n, ahead + 2n]);
  });

  test('a store that has lost its data is young, however long the gateway has known it; a new one never was', async () => {
    await using services = await openPrivateRedis();
    const redis = { addresses: [services.redis.address], cluster: false } as const;
    await using stores = await openStores(redis);
    const asOf = (): Promise<number> => stores.redis.command((client) => client.time()).then(([s]) => Number(s) * 1000);
    const { leases, keys } = stores;
    // The first who comes to a fabric of which nothing was ever kept knows that nobody else holds anything.
    const first = new RedisLeaseStore({ redis: stores.redis, keys, isNew: true });
    expect(await first.age()).toBeGreaterThanOrEqual(await asOf());
    expect(await leases.age()).toBeGreaterThan(Date.now() / 2);
    const before = await asOf();
    await services.redis.wipe();
    await vi.waitFor(() => stores.redis.command((client) => client.ping()), { timeout: 5000 });
    const age = await first.age();
    expect(age).toBeLessThanOrEqual((await asOf()) + 1000 - before);
    expect(await leases.age()).toBeGreaterThanOrEqual(age);
  });

  test('a clock of Redis that jumps ahead costs nobody a grant', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({
      addresses: [services.redis.address],
      cluster: false,
      commandTimeoutMs: 300,
    });
    await stores.leases.acquire(asking('ag::w::i::s'));
    // Our clock goes back an hour, which is the same from where we stand.
    using _ours = vi
      .spyOn(performance, 'now')
      .mockImplementation(() => Number(process.hrtime.bigint() / 1_000_000n) - 3_600_000);
    expect((await stores.leases.acquire(asking('ag::w::i::s', { holder: 'session-2' }))).outcome).toBe('held');
  });
});

describe('buckets', () => {
  test('are those of FNV-1a for ever', () => {
    expect(['', 'a', 'foobar', 'ag::w::i::s', 'us::ü::'].map(bucketOf)).toEqual([5, 44, 40, 26, 26]);
  });

  test('are even', () => {
    const counts = new Map<number, number>();
    for (let n = 0; n < 6400; n += 1) {
      const bucket = bucketOf(`ag::workspace::implementation::spec-${n}`);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    expect(counts.size).toBe(64);
    expect(Math.max(...counts.values())).toBeLessThan(200);
  });
});
