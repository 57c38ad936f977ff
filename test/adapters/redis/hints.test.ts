import { describe, expect, test, vi } from 'vitest';
import type { Hint } from '../../../src/ports/hints.ts';
import { onEachRedis } from './addresses.ts';
import { openStores } from './stores.ts';

const fail = (): never => {
  throw new Error('a defect');
};

onEachRedis((kind, server) => {
  describe(`redis hints: ${kind}`, () => {
    test('what is not understood is passed over', async () => {
      await using stores = await openStores(server, `hints-${process.pid}-${Date.now()}:`);
      const { redis, keys, hints, log } = stores;
      const stop = new AbortController();
      const heard: Hint[] = [];
      await hints.subscribe((hint) => heard.push(hint), { signal: stop.signal });
      const foreign = [
        '',
        'no json',
        'null',
        '[]',
        '{"kind":"new"}',
        '{"kind":"kick","identity":"x","epoch":5,"reason":"a number is no epoch"}',
        '{"kind":"kick","identity":"x","epoch":"1e3","reason":"nor is this"}',
        '{"kind":"probe","identity":"x","epoch":"5","probe":"fine","more":true}',
      ];
      for (const message of foreign) await redis.command((client) => client.publish(keys.hints, message));
      await vi.waitFor(() => {
        expect(heard).toEqual([{ kind: 'probe', identity: 'x', epoch: 5n, probe: 'fine' }]);
        expect(log.events('debug')).toEqual(Array.from({ length: 7 }, () => 'hint not understood'));
      });
      stop.abort();
    });

    test('a listener that throws harms nobody else', async () => {
      await using stores = await openStores(server, `throws-${process.pid}-${Date.now()}:`);
      const stop = new AbortController();
      const { promise, resolve } = Promise.withResolvers<void>();
      await stores.hints.subscribe(fail, { signal: stop.signal });
      await stores.hints.subscribe(() => resolve(), { signal: stop.signal });
      stores.hints.publish({ kind: 'presence', probe: 'p', alive: true });
      await promise;
      expect(stores.log.events('error')).toEqual(['redis listener failed']);
      stop.abort();
    });

    test('one who is late to an aborted signal hears nothing', async () => {
      await using stores = await openStores(server);
      await stores.hints.subscribe(() => expect.fail('heard'), { signal: AbortSignal.abort() });
    });

    test('publishing after the end is no error', async () => {
      const stores = await openStores(server);
      await stores[Symbol.asyncDispose]();
      stores.hints.publish({ kind: 'presence', probe: 'p', alive: true });
      await expect(stores.leases.current(['x'])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    });
  });
});
