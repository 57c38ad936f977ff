import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Acquisition, LeaseRecord, LeaseRequest, LeaseStore } from '../../src/ports/lease-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: LeaseStore;
}

const granted = (acquisition: Acquisition): LeaseRecord => {
  if (acquisition.outcome !== 'granted') throw new Error(`not granted: held by ${acquisition.record.holder}`);
  return acquisition.record;
};

let serial = 0;
const freshName = (prefix = 'ag::conformance::lease'): string =>
  `${prefix}::${process.pid}-${(serial += 1)}-${Date.now()}`;

const asking = (name: string, changes: Partial<LeaseRequest> = {}): LeaseRequest => ({
  name,
  holder: 'session-1',
  keeper: 'gateway-1#1',
  note: '{"sdk":"test"}',
  ttlMs: 10_000,
  resumes: '',
  ...changes,
});

/**
 * What every lease store does. `open` gives a store that may hold other leases already. Where it cannot know who listens
 * to losses (`knowsListeners`), everybody may be.
 */
export const leaseStoreConformance = (
  adapter: string,
  open: () => Promise<Opened>,
  { knowsListeners = true }: { readonly knowsListeners?: boolean } = {},
): void => {
  describe(`lease store: ${adapter}`, () => {
    test('a free name is granted and everything about it can be read back', async () => {
      await using opened = await open();
      const name = freshName();
      const before = Date.now();
      const record = granted(await opened.store.acquire(asking(name)));
      expect(record).toMatchObject({
        name,
        holder: 'session-1',
        keeper: 'gateway-1#1',
        note: '{"sdk":"test"}',
        state: 'held',
        resumes: 0,
      });
      expect(record.firstGrantedAtMs).toBeGreaterThan(before - 60_000);
      expect(await opened.store.current([name, freshName()])).toEqual([record, undefined]);
    });

    test('a held name is refused with what is known about the holder', async () => {
      await using opened = await open();
      const name = freshName();
      const first = granted(await opened.store.acquire(asking(name)));
      const second = await opened.store.acquire(asking(name, { holder: 'session-2' }));
      expect(second).toEqual({ outcome: 'held', record: first });
    });

    test('the epoch grows with every grant, also across release and expiry', async () => {
      await using opened = await open();
      const name = freshName();
      const epochs: bigint[] = [];
      for (let round = 0; round < 5; round += 1) {
        const record = granted(await opened.store.acquire(asking(name, { holder: `s${round}` })));
        epochs.push(record.epoch);
        await opened.store.release(record, 0);
      }
      const short = granted(await opened.store.acquire(asking(name, { ttlMs: 50 })));
      await delay(120);
      epochs.push(short.epoch, granted(await opened.store.acquire(asking(name))).epoch);
      expect(epochs).toEqual(epochs.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(new Set(epochs).size).toBe(epochs.length);
      const clockUs = BigInt(Date.now()) * 1000n;
      expect(epochs.at(-1)).toBeGreaterThan(clockUs - 60_000_000n);
    });

    test('the holder can be resumed by naming it, and only it', async () => {
      await using opened = await open();
      const name = freshName();
      const first = granted(await opened.store.acquire(asking(name)));
      expect((await opened.store.acquire(asking(name, { holder: 'session-2', resumes: 'stranger' }))).outcome).toBe(
        'held',
      );
      const second = await opened.store.acquire(
        asking(name, { holder: 'session-2', resumes: 'session-1', keeper: 'gateway-2#7' }),
      );
      expect(second).toMatchObject({ outcome: 'granted', resumed: true });
      expect(granted(second)).toMatchObject({
        resumes: 1,
        firstGrantedAtMs: first.firstGrantedAtMs,
        keeper: 'gateway-2#7',
      });
      expect(granted(second).epoch).toBeGreaterThan(first.epoch);
      const third = await opened.store.acquire(asking(name, { holder: 'session-3', resumes: 'session-2' }));
      expect(granted(third).resumes).toBe(2);
    });

    test('an unknown session to resume on a free name is a plain grant', async () => {
      await using opened = await open();
      const acquisition = await opened.store.acquire(asking(freshName(), { resumes: 'long-gone' }));
      expect(acquisition).toMatchObject({ outcome: 'granted', resumed: false, record: { resumes: 0 } });
    });

    test('a lease can be taken over from exactly the epoch that was seen', async () => {
      await using opened = await open();
      const name = freshName();
      const first = granted(await opened.store.acquire(asking(name)));
      const stale = await opened.store.acquire(asking(name, { holder: 's2', overEpoch: first.epoch - 1n }));
      expect(stale.outcome).toBe('held');
      const taken = await opened.store.acquire(asking(name, { holder: 's2', overEpoch: first.epoch }));
      expect(taken).toMatchObject({ outcome: 'granted', resumed: false, record: { resumes: 0, holder: 's2' } });
      const again = await opened.store.acquire(asking(name, { holder: 's3', overEpoch: first.epoch }));
      expect(again.outcome).toBe('held');
    });

    test('renewal extends what is still ours and names what is not', async () => {
      await using opened = await open();
      const [kept, taken, released, expired] = [freshName(), freshName(), freshName(), freshName()];
      const ours = await Promise.all(
        [kept, taken, released].map(async (name) => granted(await opened.store.acquire(asking(name, { ttlMs: 400 })))),
      );
      ours.push(granted(await opened.store.acquire(asking(expired, { ttlMs: 30 }))));
      await opened.store.acquire(asking(taken, { holder: 'session-2', resumes: 'session-1' }));
      await opened.store.release({ name: released, epoch: ours[2]?.epoch ?? 0n }, 5_000);
      await delay(80);
      const lost = await opened.store.renew(ours, 10_000);
      expect(lost.map((lease) => lease.name).toSorted()).toEqual([taken, released, expired].toSorted());
      await delay(400);
      expect((await opened.store.current([kept]))[0]?.epoch).toBe(ours[0]?.epoch);
    });

    test('renews many in one call', async () => {
      await using opened = await open();
      const names = Array.from({ length: 600 }, () => freshName());
      const leases = await Promise.all(names.map(async (name) => granted(await opened.store.acquire(asking(name)))));
      expect(await opened.store.renew(leases, 10_000)).toEqual([]);
      expect(await opened.store.renew([], 10_000)).toEqual([]);
    });

    test('a released lease is free at once; only the epoch that has it can release it', async () => {
      await using opened = await open();
      const name = freshName();
      const record = granted(await opened.store.acquire(asking(name)));
      expect(await opened.store.release({ name, epoch: record.epoch - 1n }, 0)).toBe(false);
      expect(await opened.store.release(record, 0)).toBe(true);
      expect(await opened.store.release(record, 0)).toBe(false);
      expect(await opened.store.current([name])).toEqual([undefined]);
      expect(await opened.store.acquire(asking(name, { holder: 'session-2', resumes: 'session-1' }))).toMatchObject({
        resumed: false,
      });
    });

    test('a lingering lease is free for anyone, resumable by its holder, and gone after its time', async () => {
      await using opened = await open();
      const [resumed, taken, gone] = [freshName(), freshName(), freshName()];
      for (const [name, lingerMs] of [
        [resumed, 5_000],
        [taken, 5_000],
        [gone, 40],
      ] as const)
        await opened.store.release(granted(await opened.store.acquire(asking(name))), lingerMs);
      expect((await opened.store.current([resumed]))[0]).toMatchObject({ state: 'lingering', holder: 'session-1' });
      const back = await opened.store.acquire(asking(resumed, { holder: 'session-2', resumes: 'session-1' }));
      expect(back).toMatchObject({ outcome: 'granted', resumed: true, record: { resumes: 1, state: 'held' } });
      const other = await opened.store.acquire(asking(taken, { holder: 'session-9' }));
      expect(other).toMatchObject({ outcome: 'granted', resumed: false, record: { resumes: 0 } });
      await delay(120);
      expect(await opened.store.current([gone])).toEqual([undefined]);
      expect(await opened.store.acquire(asking(gone, { resumes: 'session-1' }))).toMatchObject({ resumed: false });
    });

    test('lists held leases by prefix in name order, page by page', async () => {
      await using opened = await open();
      const prefix = `${freshName('sv')}::`;
      const names = Array.from({ length: 25 }, (_, index) => `${prefix}i${String(index).padStart(2, '0')}`);
      const records = await Promise.all(names.map(async (name) => granted(await opened.store.acquire(asking(name)))));
      await opened.store.release({ name: names[3] ?? '', epoch: records[3]?.epoch ?? 0n }, 5_000);
      await opened.store.release({ name: names[4] ?? '', epoch: records[4]?.epoch ?? 0n }, 0);
      const seen: string[] = [];
      let pages = 0;
      for (let after: string | undefined = ''; after !== undefined; pages += 1) {
        const page = await opened.store.list(prefix, after, 10);
        expect(page.records.length).toBeLessThanOrEqual(10);
        seen.push(...page.records.map((record) => record.name));
        after = page.next;
      }
      expect(seen).toEqual(names.filter((_, index) => index !== 3 && index !== 4));
      expect(pages).toBeGreaterThanOrEqual(3);
    });

    test('tells the keeper of leases taken over or ended by others', async () => {
      await using opened = await open();
      const keeper = `gateway-${freshName('k')}#3`;
      const listening = new AbortController();
      const losses = (await opened.store.losses(keeper, { signal: listening.signal }))[Symbol.asyncIterator]();
      const first = losses.next();
      const name = freshName();
      const mine = granted(await opened.store.acquire(asking(name, { keeper })));
      // A notice may be lost while the subscription is being set up, so the loss is caused until it is heard.
      const hearing = { done: false };
      void first.then(() => (hearing.done = true));
      let epoch = mine.epoch;
      for (let round = 0; !hearing.done && round < 100; round += 1) {
        const next = granted(
          await opened.store.acquire(asking(name, { keeper, holder: `s${round}`, overEpoch: epoch })),
        );
        epoch = next.epoch;
        await delay(20);
      }
      expect((await first).value).toMatchObject({ name });
      const released = losses.next();
      await opened.store.release({ name, epoch }, 0);
      let value = (await released).value;
      while (value !== undefined && value.epoch !== epoch) value = (await losses.next()).value;
      expect(value).toMatchObject({ name, epoch });
      listening.abort();
      expect((await losses.next()).done).toBe(true);
    });

    test('nothing is missed from when listening to losses has begun', async () => {
      await using opened = await open();
      const keeper = `gateway-${freshName('k')}#4`;
      const listening = new AbortController();
      const name = freshName();
      const mine = granted(await opened.store.acquire(asking(name, { keeper })));
      const losses = await opened.store.losses(keeper, { signal: listening.signal });
      await opened.store.acquire(asking(name, { holder: 's2', overEpoch: mine.epoch }));
      // Nobody has begun to read yet.
      expect((await losses[Symbol.asyncIterator]().next()).value).toMatchObject({ name, epoch: mine.epoch });
      listening.abort();
    });

    test('whether anyone listens to the losses of a keeper', async () => {
      await using opened = await open();
      const keeper = `gateway-${freshName('k')}#5`;
      if (knowsListeners) expect(await opened.store.isHeard(keeper)).toBe(false);
      const listening = new AbortController();
      const losses = await opened.store.losses(keeper, { signal: listening.signal });
      expect(await opened.store.isHeard(keeper)).toBe(true);
      listening.abort();
      expect((await losses[Symbol.asyncIterator]().next()).done).toBe(true);
      if (knowsListeners) await expect.poll(() => opened.store.isHeard(keeper)).toBe(false);
      else expect(await opened.store.isHeard(keeper)).toBe(true);
    });

    test('its age never falls while it keeps what it has, whoever asks', async () => {
      await using opened = await open();
      const age = await opened.store.age();
      expect(age).toBeGreaterThanOrEqual(0);
      await using other = await open();
      expect(await other.store.age()).toBeGreaterThanOrEqual(0);
      expect(await opened.store.age()).toBeGreaterThanOrEqual(age);
    });

    test('of many who ask at once one gets it', async () => {
      await using opened = await open();
      const name = freshName();
      const all = await Promise.all(
        Array.from({ length: 50 }, (_, n) => opened.store.acquire(asking(name, { holder: `s${n}` }))),
      );
      expect(all.filter(({ outcome }) => outcome === 'granted')).toHaveLength(1);
    });

    test('names and notes are opaque text', async () => {
      await using opened = await open();
      const name = `${freshName()}::ünïcode/{brace}.|x`;
      const record = granted(await opened.store.acquire(asking(name, { note: '"quoted" \n ☃', keeper: 'k|{}' })));
      expect((await opened.store.current([name]))[0]).toEqual(record);
    });
  });
};
