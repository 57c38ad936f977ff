import { describe, expect, test, vi } from 'vitest';
import { bucketOf } from '../../../src/adapters/redis/keys.ts';
import { asFabricError } from '../../../src/model/error.ts';
import type { Hint } from '../../../src/ports/hints.ts';
import { canStartRedis, openPrivateCluster } from './private-redis.ts';
import { asking, granted, openStores } from './stores.ts';

const commandTimeoutMs = 700;
const waitMs = { timeout: 50_000, interval: 100 };
/** Longer than a busy machine needs to bring back a node. */
const ttlMs = 180_000;

describe.skipIf(!canStartRedis)('redis cluster', () => {
  test('one address of a node is enough to find out', async () => {
    await using services = await openPrivateCluster();
    const [address = ''] = services.cluster.addresses;
    await using stores = await openStores({ addresses: [address], cluster: 'auto' });
    expect(stores.redis.isCluster).toBe(true);
    for (let n = 0; n < 50; n += 1) granted(await stores.leases.acquire(asking(`ag::w::i::${n}`)));
    expect((await stores.leases.list('ag::', '', 100)).records).toHaveLength(50);
  });

  test('a node that dies takes only its own with it; all works when it is back, subscriptions too', async () => {
    await using services = await openPrivateCluster();
    const { nodes, addresses } = services.cluster;
    await using stores = await openStores({ addresses, cluster: true, commandTimeoutMs });
    const { leases, hints, log } = stores;
    const stop = new AbortController();
    const heard = vi.fn<(hint: Hint) => void>();
    await hints.subscribe(heard, { signal: stop.signal });
    const held = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => granted(await leases.acquire(asking(`ag::w::i::${n}`, { ttlMs })))),
    );
    for (const [index, node] of nodes.entries()) {
      await node.kill();
      const outcomes = await Promise.all(
        held.map(({ name }) =>
          leases.current([name]).then(
            () => 'fine',
            (thrown: unknown) => asFabricError(thrown).reason,
          ),
        ),
      );
      expect(new Set(outcomes)).toEqual(new Set(['fine', 'STORE_UNAVAILABLE']));
      // One of the three is where we listen.
      const hint: Hint = { kind: 'presence', probe: `without ${index}`, alive: true };
      await vi.waitFor(() => {
        hints.publish(hint);
        expect(heard).toHaveBeenCalledWith(hint);
      }, waitMs);
      await node.start();
      await vi.waitFor(async () => expect(await leases.renew(held, ttlMs)).toEqual([]), waitMs);
    }
    stop.abort();
    expect(log.events('warn')).toContain('redis node lost');
    expect(log.events('error')).toEqual([]);
  }, 200_000);

  test('comes back after all of it was dead', async () => {
    await using services = await openPrivateCluster();
    await using stores = await openStores({ addresses: services.cluster.addresses, cluster: true, commandTimeoutMs });
    const { leases } = stores;
    const stop = new AbortController();
    const listen = async () => (await leases.losses('gateway-1#1', { signal: stop.signal }))[Symbol.asyncIterator]();
    const broken = (await listen()).next().catch((cause: unknown) => cause);
    const lease = granted(await leases.acquire(asking('ag::w::i::s')));
    await services.cluster.kill();
    expect(await broken).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    const begunAtMs = performance.now();
    await expect(leases.renew([lease], 30_000)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await expect(leases.acquire(asking('ag::w::i::t'))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(performance.now() - begunAtMs).toBeLessThan(2 * commandTimeoutMs + 800);
    await services.cluster.start();
    await vi.waitFor(async () => expect(await leases.renew([lease], 30_000)).toEqual([]), waitMs);
    const loss = (await listen()).next();
    let epoch = lease.epoch;
    let isHeard = false;
    void loss.finally(() => (isHeard = true));
    await vi.waitFor(async () => {
      epoch = granted(await leases.acquire(asking('ag::w::i::s', { overEpoch: epoch }))).epoch;
      expect(isHeard).toBe(true);
    }, waitMs);
    expect((await loss).value).toMatchObject({ name: 'ag::w::i::s' });
    stop.abort();
  });

  test('an acquisition asked of a node that stands still fails in time and leaves no lease', async () => {
    await using services = await openPrivateCluster();
    await using stores = await openStores({ addresses: services.cluster.addresses, cluster: true, commandTimeoutMs });
    const { leases } = stores;
    const name = 'ag::w::i::s';
    await leases.release(granted(await leases.acquire(asking(name))), 0);
    await services.cluster.pause();
    const begunAtMs = performance.now();
    await expect(leases.acquire(asking(name))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(performance.now() - begunAtMs).toBeLessThan(commandTimeoutMs + 400);
    await vi.waitFor(() => expect(performance.now() - begunAtMs).toBeGreaterThan(2000), waitMs);
    await services.cluster.resume();
    await vi.waitFor(async () => expect(await leases.current([name])).toEqual([undefined]), waitMs);
    expect((await leases.acquire(asking(name, { holder: 'session-2' }))).outcome).toBe('granted');
  });

  test('a bucket is moved to another node under load without a grant lost', async () => {
    await using services = await openPrivateCluster();
    await using stores = await openStores({ addresses: services.cluster.addresses, cluster: true });
    const { leases, redis, keys } = stores;
    const names = Array.from({ length: 2000 }, (_, n) => `ag::w::i::${n}`).filter((name) => bucketOf(name) === 7);
    const held = await Promise.all(names.map(async (name) => granted(await leases.acquire(asking(name)))));
    const slot = await redis.command((client) => client.cluster('KEYSLOT', keys.names(7)));
    const masters = await redis.command((client) => Promise.resolve('nodes' in client ? client.nodes('master') : []));
    const ids = await Promise.all(masters.map((node) => node.cluster('MYID')));
    const counts = await Promise.all(masters.map((node) => node.cluster('COUNTKEYSINSLOT', slot)));
    const from = counts.findIndex((count) => count > 0);
    const to = (from + 1) % masters.length;
    const [source, target, sourceId, targetId] = [masters[from], masters[to], String(ids[from]), String(ids[to])];
    if (source === undefined || target === undefined) throw new Error('no such nodes');
    await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId);
    await source.cluster('SETSLOT', slot, 'MIGRATING', targetId);
    const renewing = leases.renew(held, 30_000);
    const moving = await source.cluster('GETKEYSINSLOT', slot, 1000);
    await source.call('MIGRATE', '127.0.0.1', String(target.options.port), '', '0', '5000', 'KEYS', ...moving);
    for (const node of [target, source]) await node.cluster('SETSLOT', slot, 'NODE', targetId);
    await renewing.catch(() => undefined);
    await vi.waitFor(async () => expect(await leases.renew(held, ttlMs)).toEqual([]), waitMs);
    expect((await leases.list('ag::', '', 1000)).records).toHaveLength(names.length);
    const [first] = names;
    expect((await leases.acquire(asking(first ?? ''))).outcome).toBe('held');
  });
});
