import { describe, expect, test } from 'vitest';
import { expiredAfterDeliveryRank, type ReceiptState, type ReceiptStep, stepOf } from '../../src/model/receipt.ts';
import type { ReceiptStore } from '../../src/ports/receipt-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: ReceiptStore;
}

let serial = 0;
const freshOwner = (): string => `ag::conformance::receipts::${process.pid}-${(serial += 1)}-${Date.now()}`;
const by = (epoch: bigint, nowMs = 1000) => ({ epoch, nowMs });
const step = (owner: string, id: string, state: ReceiptState, atMs = 2000): ReceiptStep =>
  stepOf(owner, { id, state, atMs, reason: '' });

/** What every receipt store does. `open` is told how long receipts are kept. */
export const receiptStoreConformance = (adapter: string, open: (retentionMs: number) => Promise<Opened>): void => {
  const day = 86_400_000;

  describe(`receipt store: ${adapter}`, () => {
    test('an id is new once; claimed again before it was durable, nobody knows what became of it', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      expect(await opened.store.claim(owner, ['a', 'b'], by(5n))).toEqual([{ outcome: 'new' }, { outcome: 'new' }]);
      expect(await opened.store.claim(owner, ['b', 'c'], by(6n))).toEqual([{ outcome: 'unknown' }, { outcome: 'new' }]);
      expect(await opened.store.claim(owner, ['b'], by(6n))).toEqual([{ outcome: 'unknown' }]);
      expect(await opened.store.get(owner, ['c', 'x', 'a'])).toEqual([
        { id: 'c', state: 'accepted', atMs: 1000, reason: '' },
        undefined,
        { id: 'a', state: 'accepted', atMs: 1000, reason: '' },
      ]);
    });

    test('what is durable or further is answered and stays', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      await opened.store.claim(owner, ['a', 'b'], by(5n));
      await opened.store.advance([step(owner, 'a', 'durable'), step(owner, 'b', 'delivered', 3000)]);
      expect(await opened.store.claim(owner, ['a', 'b'], by(6n))).toEqual([
        { outcome: 'known', receipt: { id: 'a', state: 'durable', atMs: 2000, reason: '' } },
        { outcome: 'known', receipt: { id: 'b', state: 'delivered', atMs: 3000, reason: '' } },
      ]);
    });

    test('an older session claims nothing a newer one has', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      await opened.store.claim(owner, ['a'], by(1_790_000_000_000_002n));
      expect(await opened.store.claim(owner, ['a', 'b'], by(1_790_000_000_000_001n))).toEqual([
        { outcome: 'superseded' },
        { outcome: 'new' },
      ]);
    });

    test('a receipt only moves up, whatever the order of the steps', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      await opened.store.claim(owner, ['a'], by(5n));
      const states: string[] = [];
      for (const state of [
        'delivered',
        'durable',
        'expired',
        'accepted',
        'acked',
        'dead_lettered',
        'delivered',
        'acked',
      ] as const) {
        await opened.store.advance([step(owner, 'a', state)]);
        states.push((await opened.store.get(owner, ['a']))[0]?.state ?? '');
      }
      const moves = ['delivered', 'delivered', 'delivered', 'delivered', 'acked', 'dead_lettered'];
      expect(states).toEqual([...moves, 'dead_lettered', 'dead_lettered']);
    });

    test('what expires in the hands of its recipient was not done', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      await opened.store.advance([
        step(owner, 'a', 'delivered'),
        { ...step(owner, 'a', 'expired', 4000), rank: expiredAfterDeliveryRank, reason: 'not acknowledged | in time' },
      ]);
      expect(await opened.store.get(owner, ['a'])).toEqual([
        { id: 'a', state: 'expired', atMs: 4000, reason: 'not acknowledged | in time' },
      ]);
    });

    test('what is durable and whose time is over expires, once, the earliest first', async () => {
      await using opened = await open(day);
      const { store } = opened;
      const owner = `${freshOwner()}::ü{x}|`;
      const timed = (id: string, state: ReceiptState, expiresAtMs: number): ReceiptStep => ({
        ...step(owner, id, state),
        expiresAtMs,
      });
      const ids = ['late', 'early ü|', 'for ever', 'not yet', 'delivered', 'acked later'];
      await store.claim(owner, ids, by(1n));
      await store.advance([
        timed('late', 'durable', 5000),
        timed('early ü|', 'durable', 4000),
        step(owner, 'for ever', 'durable'),
        timed('not yet', 'durable', 6001),
        timed('delivered', 'durable', 3000),
        timed('acked later', 'durable', 3000),
        timed('lower', 'durable', 7000),
      ]);
      expect((await store.get(owner, ['late']))[0]).toEqual({
        id: 'late',
        state: 'durable',
        atMs: 2000,
        reason: '',
        expiresAtMs: 5000,
      });
      await store.advance([step(owner, 'delivered', 'delivered'), step(owner, 'acked later', 'acked')]);
      const expired: ReceiptStep[] = [];
      for (let found = await store.expire(6000, 1); expired.length < 2; found = await store.expire(6000, 1))
        expired.push(...found.filter((one) => one.owner === owner));
      expect(expired.map(({ id, state, atMs }) => [id, state, atMs])).toEqual([
        ['early ü|', 'expired', 4000],
        ['late', 'expired', 5000],
      ]);
      const again = await Promise.all([store.expire(6000, 500), store.expire(6000, 500)]);
      expect(again.flat().filter((one) => one.owner === owner)).toEqual([]);
      const states = (await store.get(owner, ids)).map((receipt) => receipt?.state);
      expect(states).toEqual(['expired', 'expired', 'durable', 'durable', 'delivered', 'acked']);
      expect(await store.claim(owner, ['late'], by(2n))).toMatchObject([{ outcome: 'known' }]);
      await store.advance([step(owner, 'late', 'delivered', 6500)]);
      expect((await store.get(owner, ['late']))[0]).toEqual({ id: 'late', state: 'delivered', atMs: 6500, reason: '' });
    });

    test('what was denied may be tried again', async () => {
      await using opened = await open(day);
      const owner = freshOwner();
      await opened.store.advance([step(owner, 'a', 'denied')]);
      expect((await opened.store.get(owner, ['a']))[0]?.state).toBe('denied');
      expect(await opened.store.claim(owner, ['a'], by(1n))).toEqual([{ outcome: 'new' }]);
      await opened.store.advance([step(owner, 'a', 'denied')]);
      expect((await opened.store.get(owner, ['a']))[0]?.state).toBe('accepted');
    });

    test('steps make receipts that are not there, many in one call', async () => {
      await using opened = await open(day);
      const owners = Array.from({ length: 30 }, freshOwner);
      const ids = Array.from({ length: 40 }, (_, index) => `m${index}`);
      await opened.store.advance(owners.flatMap((owner) => ids.map((id) => step(owner, id, 'durable'))));
      await opened.store.advance([]);
      for (const owner of owners) {
        const found = await opened.store.get(owner, ids);
        expect(found.every((receipt) => receipt?.state === 'durable')).toBe(true);
      }
      const many = Array.from({ length: 1200 }, (_, index) => `n${index}`);
      const claims = await opened.store.claim(owners[0] ?? '', many, by(1n));
      expect(claims).toEqual(many.map(() => ({ outcome: 'new' })));
      expect(await opened.store.claim(owners[0] ?? '', [], by(1n))).toEqual([]);
      expect(await opened.store.get(owners[0] ?? '', [])).toEqual([]);
    });

    test('owners do not share ids, and ids are opaque text', async () => {
      await using opened = await open(day);
      const [one, other] = [freshOwner(), freshOwner()];
      const odd = ['ü {x} | \n', "it's", '%_*'];
      await opened.store.claim(one, odd, by(1n));
      expect(await opened.store.claim(other, odd, by(1n))).toEqual(odd.map(() => ({ outcome: 'new' })));
      expect((await opened.store.get(one, odd)).map((receipt) => receipt?.id)).toEqual(odd);
    });

    test('what nothing was written to for its time is forgotten', async () => {
      await using opened = await open(1);
      const owner = freshOwner();
      await opened.store.advance([step(owner, 'a', 'durable')]);
      while ((await opened.store.get(owner, ['a']))[0] !== undefined) continue;
      expect(await opened.store.claim(owner, ['a'], by(1n))).toEqual([{ outcome: 'new' }]);
    });
  });
};
