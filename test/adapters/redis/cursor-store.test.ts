import { describe, expect, test } from 'vitest';
import { RedisCursorStore } from '../../../src/adapters/redis/redis-cursor-store.ts';
import { onEachRedis } from './addresses.ts';
import { openStores } from './stores.ts';

onEachRedis((kind, server) => {
  describe(`redis cursors: ${kind}`, () => {
    const prefix = `cursors-${process.pid}-${Date.now()}:`;

    test('an owner of thousands of topics moves them in one commit', async () => {
      await using stores = await openStores(server, prefix);
      const positions = new Map(
        Array.from({ length: 5000 }, (_, n) => [`topic ${n}`, { offset: BigInt(n), index: n % 7 }] as const),
      );
      await stores.cursors.open('ag::many', 1n);
      expect(await stores.cursors.commit([{ owner: 'ag::many', epoch: 1n, positions }])).toEqual([]);
      expect(await stores.cursors.open('ag::many', 2n)).toEqual(positions);
    });

    test('a topic may be called as the epoch is', async () => {
      await using stores = await openStores(server, prefix);
      const positions = new Map([
        ['epoch', { offset: 1n, index: 2 }],
        ['', { offset: 3n, index: 4 }],
      ]);
      await stores.cursors.open('ag::odd', 7n);
      await stores.cursors.commit([{ owner: 'ag::odd', epoch: 7n, positions }]);
      expect(await stores.cursors.open('ag::odd', 6n)).toBeUndefined();
      expect(await stores.cursors.open('ag::odd', 7n)).toEqual(positions);
    });

    test('each use keeps cursors for the retention', async () => {
      await using stores = await openStores(server, prefix);
      const { redis, keys } = stores;
      const cursors = new RedisCursorStore({ redis, keys, retentionMs: 60_000 });
      const leftMs = () => redis.command((client) => client.pttl(keys.cursors('ag::kept')));
      const age = () => redis.command((client) => client.pexpire(keys.cursors('ag::kept'), 1000));
      await cursors.open('ag::kept', 1n);
      expect(await leftMs()).toBeGreaterThan(50_000);
      await age();
      await cursors.commit([{ owner: 'ag::kept', epoch: 1n, positions: new Map() }]);
      expect(await leftMs()).toBeGreaterThan(50_000);
      await age();
      await cursors.open('ag::kept', 2n);
      expect(await leftMs()).toBeGreaterThan(50_000);
    });
  });
});
