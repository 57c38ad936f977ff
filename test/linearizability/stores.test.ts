import { describe, expect, test } from 'vitest';
import { MemoryKvStore } from '../../src/adapters/memory/memory-kv-store.ts';
import { MemoryLeaseStore } from '../../src/adapters/memory/memory-lease-store.ts';
import { RedisKeys } from '../../src/adapters/redis/keys.ts';
import { openRedis } from '../../src/adapters/redis/open-redis.ts';
import { RedisKvStore } from '../../src/adapters/redis/redis-kv-store.ts';
import { RedisLeaseStore } from '../../src/adapters/redis/redis-lease-store.ts';
import { SqlKvStore } from '../../src/adapters/sql/sql-kv-store.ts';
import { SqliteState } from '../../src/adapters/sql/sqlite-state.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import type { KvStore } from '../../src/ports/kv-store.ts';
import type { LeaseStore } from '../../src/ports/lease-store.ts';
import { onEachRedis } from '../adapters/redis/addresses.ts';
import { KeptLog } from '../adapters/redis/kept-log.ts';
import { canStartRedis, openPrivateRedis } from '../adapters/redis/private-redis.ts';
import { onPostgres } from '../adapters/sql/dialects.ts';
import { createTestDirectory } from '../adapters/sql/directory.ts';
import { checkLinearizable } from './checker.ts';
import { keyOf, type Load, loadKv, loadLeases } from './clients.ts';
import { kvModel } from './kv-model.ts';
import { leaseModel } from './lease-model.ts';

const upTo = (operations: number, seed = 1): Load => ({ seed, goesOn: (done) => done < operations });

const expectLinearizableKv = async (stores: readonly KvStore[], load: Load): Promise<number> => {
  const recording = await loadKv(stores, load);
  for (const [key, history] of recording.by(keyOf))
    expect(checkLinearizable(kvModel, history), `key ${key}, seed ${load.seed}`).toEqual({ isLinearizable: true });
  return recording.unanswered;
};

const expectLinearizableLeases = async (stores: readonly LeaseStore[], load: Load): Promise<number> => {
  const recording = await loadLeases(stores, load);
  for (const [name, history] of recording.by((input) => input.name))
    expect(checkLinearizable(leaseModel, history), `${name}, seed ${load.seed}`).toEqual({ isLinearizable: true });
  return recording.unanswered;
};

/** Looks first and writes then, as two steps: what a store must never do. */
const racy = (inner: KvStore): KvStore => ({
  open: (owner, epoch) => inner.open(owner, epoch),
  list: (space, request) => inner.list(space, request),
  purge: (owner, epoch) => inner.purge(owner, epoch),
  run: async (command) => {
    if (command.kind !== 'put' || command.when.is !== 'equal') return inner.run(command);
    const found = await inner.run({ kind: 'get', place: command.place });
    const expected = command.when.value;
    const holds = found.refused === undefined && found.value && Buffer.compare(found.value, expected) === 0;
    return holds ? inner.run({ ...command, when: { is: 'any' } }) : { ...found, applied: false };
  },
});

/** Gives the same epoch out twice when two ask at once. */
const forgetful = (inner: LeaseStore): LeaseStore =>
  new Proxy(inner, {
    get: (target, name) => {
      if (name === 'release') return () => Promise.resolve(true);
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });

describe('memory', () => {
  test('keys', () => expectLinearizableKv([new MemoryKvStore(systemClock)], upTo(4000)));
  test('leases', () => expectLinearizableLeases([new MemoryLeaseStore(systemClock)], upTo(4000)));

  test('a compare-and-set of two steps is found out', async () => {
    const recording = await loadKv([racy(new MemoryKvStore(systemClock))], upTo(4000));
    const verdicts = [...recording.by(keyOf).values()].map((history) => checkLinearizable(kvModel, history));
    expect(verdicts.some(({ isLinearizable }) => !isLinearizable)).toBe(true);
  });

  test('a release that was not done is found out', async () => {
    const recording = await loadLeases([forgetful(new MemoryLeaseStore(systemClock))], upTo(1000));
    const histories = [...recording.by((input) => input.name).values()];
    const verdicts = histories.map((history) => checkLinearizable(leaseModel, history));
    expect(verdicts.some(({ isLinearizable }) => !isLinearizable)).toBe(true);
  });
});

describe('SQLite', () => {
  test('keys', async () => {
    using directory = createTestDirectory();
    await using state = await SqliteState.open({ path: directory.file('state.db') });
    await expectLinearizableKv([state.kvStore], upTo(3000));
  });
});

onPostgres((create) => {
  test('keys, of two processes', async () => {
    await using created = await create();
    await using one = await created.open();
    await using two = await created.open();
    const stores = [one, two].map((database) => new SqlKvStore({ database, clock: systemClock }));
    await expectLinearizableKv(stores, upTo(1000));
  });
});

onEachRedis((kind, server) => {
  const keys = new RedisKeys(`linearizability-${process.pid}-${Date.now()}:`);
  const open = () => openRedis({ ...server, log: new KeptLog() });

  test(`redis ${kind}: keys, of two processes`, async () => {
    await using one = await open();
    await using two = await open();
    const stores = [one, two].map((redis) => new RedisKvStore({ redis, keys }));
    await expectLinearizableKv(stores, upTo(3000));
  });

  test(`redis ${kind}: leases, of two processes`, async () => {
    await using one = await open();
    await using two = await open();
    const stores = [one, two].map((redis) => new RedisLeaseStore({ redis, keys }));
    await expectLinearizableLeases(stores, upTo(3000));
  });
});

describe.skipIf(!canStartRedis)('redis that is killed and started again under load', () => {
  const disturbed = async <Store>(
    make: (parts: { redis: Awaited<ReturnType<typeof openRedis>>; keys: RedisKeys }) => Store,
    run: (stores: readonly Store[], load: Load) => Promise<number>,
  ): Promise<void> => {
    await using services = await openPrivateRedis();
    const options = { addresses: [services.redis.address], cluster: false, log: new KeptLog(), commandTimeoutMs: 700 };
    await using one = await openRedis(options);
    await using two = await openRedis(options);
    const keys = new RedisKeys('killed:');
    let done = 0;
    let isOver = false;
    const goesOn = (count: number): boolean => {
      done = count;
      return !isOver;
    };
    const running = run(
      [one, two].map((redis) => make({ redis, keys })),
      { seed: 3, goesOn },
    );
    // What fails in the run is to be heard at once, and not waited for in vain.
    const failed = running.then(() => undefined);
    const until = (count: number): Promise<unknown> => {
      const reached = async (): Promise<void> => {
        while (done < count && !isOver) await new Promise((resolve) => setImmediate(resolve));
      };
      return Promise.race([failed, reached()]);
    };
    for (let kills = 0; kills < 3; kills += 1) {
      await until(done + 300);
      await services.redis.kill();
      await services.redis.start();
    }
    await until(done + 300);
    isOver = true;
    expect(await running).toBeGreaterThan(0);
  };

  test('keys', () => disturbed((parts) => new RedisKvStore(parts), expectLinearizableKv));
  test('leases', () => disturbed((parts) => new RedisLeaseStore(parts), expectLinearizableLeases));
});
