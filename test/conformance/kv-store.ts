import { describe, expect, test, vi } from 'vitest';
import type { KvCommand, KvPlace } from '../../src/model/kv-command.ts';
import { counterMax, counterMin } from '../../src/model/kv-rules.ts';
import {
  absent,
  add,
  addMember,
  always,
  at,
  equal,
  freshOwner,
  freshSpace,
  get,
  gone,
  keysOf,
  type Opened,
  page,
  put,
  remove,
  told,
} from './kv-commands.ts';
import { kvKeyLimits } from './kv-key-limits.ts';
import { kvModel } from './kv-model.ts';

/** What every key-value store does. */
export const kvStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`kv store: ${adapter}`, () => {
    test('values are put, got and deleted, whatever their bytes', async () => {
      await using opened = await open();
      const { store } = opened;
      const place = at(freshSpace(), 'k\u0000ü😀\n{}');
      const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      expect(told(await store.run(get(place)))).toEqual({ applied: false });
      const written = await store.run({ kind: 'put', place, value, when: always, ttlMs: undefined, epoch: undefined });
      expect(told(written)).toEqual({ applied: true });
      const reply = await store.run(get(place));
      expect(reply.refused === undefined && reply.value !== undefined && Buffer.compare(reply.value, value)).toBe(0);
      expect(told(await store.run(remove(place)))).toEqual({ applied: true });
      expect(told(await store.run(remove(place)))).toEqual({ applied: false });
      expect(told(await store.run(get(place)))).toEqual({ applied: false });
    });

    test('an empty value is not a missing one', async () => {
      await using opened = await open();
      const place = at(freshSpace(), 'empty');
      await opened.store.run(put(place, ''));
      expect(told(await opened.store.run(get(place)))).toEqual({ applied: true, value: '' });
      expect(told(await opened.store.run(put(place, 'x', absent)))).toEqual({ applied: false, value: '' });
      expect(told(await opened.store.run(put(place, 'x', equal(''))))).toEqual({ applied: true });
    });

    test('a value of a MiB, and the caller may do with its own what it likes', async () => {
      await using opened = await open();
      const place = at(freshSpace(), 'large');
      const value = Buffer.alloc(1024 * 1024, 7);
      await opened.store.run({ kind: 'put', place, value, when: always, ttlMs: undefined, epoch: undefined });
      value.fill(8);
      const reply = await opened.store.run(get(place));
      expect(reply.refused === undefined && reply.value?.byteLength).toBe(1024 * 1024);
      expect(reply.refused === undefined && reply.value?.every((byte) => byte === 7)).toBe(true);
    });

    kvKeyLimits(open);

    test('the same key in two spaces is two keys, of one owner too', async () => {
      await using opened = await open();
      const owner = freshOwner();
      const places = [
        at({ owner, name: 'a' }, 'k'),
        at({ owner, name: 'b' }, 'k'),
        at({ owner: freshOwner(), name: 'a' }, 'k'),
      ];
      for (const [index, place] of places.entries()) await opened.store.run(put(place, `v${index}`));
      for (const [index, place] of places.entries())
        expect(told(await opened.store.run(get(place)))).toEqual({ applied: true, value: `v${index}` });
    });

    test('conditions: absent, equal, and what is there instead', async () => {
      await using opened = await open();
      const { store } = opened;
      const place = at(freshSpace(), 'c');
      expect(told(await store.run(put(place, 'x', equal(''))))).toEqual({ applied: false });
      expect(told(await store.run(put(place, 'one', absent)))).toEqual({ applied: true });
      expect(told(await store.run(put(place, 'two', absent)))).toEqual({ applied: false, value: 'one' });
      expect(told(await store.run(put(place, 'two', equal('other'))))).toEqual({ applied: false, value: 'one' });
      expect(told(await store.run(put(place, 'two', equal('one'))))).toEqual({ applied: true });
      expect(told(await store.run(remove(place, equal('one'))))).toEqual({ applied: false, value: 'two' });
      expect(told(await store.run(remove(place, equal('two'))))).toEqual({ applied: true });
      expect(told(await store.run(remove(place, equal('two'))))).toEqual({ applied: false });
    });

    test('counters keep to their bounds and to 64 bits, exactly', async () => {
      await using opened = await open();
      const { store } = opened;
      const place = at(freshSpace(), 'n');
      expect(told(await store.run(add(place, 5n, { atMost: 4n })))).toEqual({ applied: false, count: 0n });
      expect(told(await store.run(get(place)))).toEqual({ applied: false });
      expect(told(await store.run(add(place, 5n, { atMost: 5n })))).toEqual({ applied: true, count: 5n });
      expect(told(await store.run(add(place, -6n)))).toEqual({ applied: true, count: -1n });
      expect(told(await store.run(add(place, -1n, { atLeast: -1n })))).toEqual({ applied: false, count: -1n });
      expect(told(await store.run(get(place)))).toEqual({ applied: true, value: '-1' });
      const most = at(freshSpace(), 'most');
      await store.run(put(most, String(counterMax - 1n)));
      expect(told(await store.run(add(most, 1n, { atMost: counterMax })))).toEqual({
        applied: true,
        count: counterMax,
      });
      expect(told(await store.run(add(most, 1n)))).toEqual('out_of_range');
      expect(told(await store.run(add(most, 1n, { atMost: counterMax })))).toEqual({
        applied: false,
        count: counterMax,
      });
      expect(told(await store.run(add(most, -1n, { atLeast: counterMax - 1n })))).toEqual({
        applied: true,
        count: counterMax - 1n,
      });
      const least = at(freshSpace(), 'least');
      await store.run(put(least, String(counterMin)));
      expect(told(await store.run(add(least, -1n)))).toEqual('out_of_range');
      expect(told(await store.run(add(least, 1n, { atLeast: counterMin })))).toEqual({
        applied: true,
        count: counterMin + 1n,
      });
    });

    test.each([
      'x',
      '',
      ' 1',
      '1 ',
      '01',
      '+1',
      '-0',
      '1.0',
      '0x1',
      '9223372036854775808',
      '-9223372036854775809',
      '1'.repeat(40),
    ])('%j is no counter', async (text) => {
      await using opened = await open();
      const place = at(freshSpace(), 'n');
      await opened.store.run(put(place, text));
      expect(told(await opened.store.run(add(place, 1n)))).toBe('wrong_type');
      expect(told(await opened.store.run(add(place, 1n, { atMost: 10n })))).toBe('wrong_type');
      expect(told(await opened.store.run(get(place)))).toEqual({ applied: true, value: text });
    });

    test('sets count each member once; a set is no value and a value no set', async () => {
      await using opened = await open();
      const { store } = opened;
      const place = at(freshSpace(), 's');
      expect(told(await store.run(addMember(place, 'a')))).toEqual({ applied: true, count: 1n });
      expect(told(await store.run(addMember(place, '')))).toEqual({ applied: true, count: 2n });
      expect(told(await store.run(addMember(place, 'a')))).toEqual({ applied: false, count: 2n });
      expect(told(await store.run(get(place)))).toEqual({ applied: true, count: 2n });
      expect(told(await store.run(add(place, 1n)))).toBe('wrong_type');
      expect(told(await store.run(put(place, 'x', equal('a'))))).toBe('wrong_type');
      expect(told(await store.run(remove(place, equal('a'))))).toBe('wrong_type');
      expect(told(await store.run(put(place, 'x', absent)))).toEqual({ applied: false });
      expect(told(await store.run(put(place, 'x')))).toEqual({ applied: true });
      expect(told(await store.run(addMember(place, 'a')))).toBe('wrong_type');
      await store.run(remove(place));
      expect(told(await store.run(addMember(place, 'b')))).toEqual({ applied: true, count: 1n });
      expect(told(await store.run(addMember(place, 'a')))).toEqual({ applied: true, count: 2n });
      expect(told(await store.run(remove(place)))).toEqual({ applied: true });
      expect(told(await store.run(get(place)))).toEqual({ applied: false });
    });

    test('expired keys are gone for every command', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const short = { ttlMs: 30 };
      await store.run(put(at(space, 'value'), 'v', always, short));
      await store.run(add(at(space, 'counter'), 7n, {}, short));
      await store.run(addMember(at(space, 'set'), 'm', short));
      await vi.waitFor(async () => {
        for (const key of ['value', 'counter', 'set'])
          expect(told(await store.run(get(at(space, key))))).toEqual({ applied: false });
      }, gone);
      expect(await keysOf(store, space)).toEqual([]);
      expect(told(await store.run(add(at(space, 'counter'), 1n)))).toEqual({ applied: true, count: 1n });
      expect(told(await store.run(addMember(at(space, 'set'), 'm')))).toEqual({ applied: true, count: 1n });
      expect(told(await store.run(put(at(space, 'value'), 'w', absent)))).toEqual({ applied: true });
      expect(await keysOf(store, space)).toEqual(['counter', 'set', 'value']);
    });

    test('a put replaces the expiry; a counter keeps it; a set takes it from new members', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const short = { ttlMs: 300 };
      // At once, so that nothing has expired before it is written again.
      await Promise.all([
        store.run(put(at(space, 'kept by put'), 'v', always, short)),
        store.run(put(at(space, 'kept by put'), 'v')),
        store.run(add(at(space, 'counter'), 1n, {}, short)),
        store.run(add(at(space, 'counter'), 1n, {}, { ttlMs: 3_600_000 })),
        store.run(add(at(space, 'late'), 1n)),
        store.run(add(at(space, 'late'), 1n, {}, short)),
        store.run(addMember(at(space, 'set'), 'a', { ttlMs: 3_600_000 })),
        store.run(addMember(at(space, 'set'), 'b', short)),
        store.run(addMember(at(space, 'set'), 'b', { ttlMs: 3_600_000 })),
      ]);
      await vi.waitFor(async () => expect(await keysOf(store, space)).toEqual(['kept by put', 'late']), gone);
    });

    test('of epochs opened at once the newest of each owner is in force', async () => {
      await using opened = await open();
      const { store } = opened;
      const owners = Array.from({ length: 20 }, freshOwner);
      const older = Promise.all(owners.map((owner) => store.open(owner, 7n)));
      expect(new Set(await Promise.all(owners.map((owner) => store.open(owner, 8n))))).toEqual(new Set([true]));
      await older;
      for (const owner of owners) {
        const place = at({ owner, name: 'own' }, 'k');
        expect(told(await store.run(put(place, 'seven', always, { epoch: 7n })))).toBe('fenced');
        expect(told(await store.run(put(place, 'eight', always, { epoch: 8n })))).toEqual({ applied: true });
      }
    });

    test('an exclusive write needs the epoch that was opened last', async () => {
      await using opened = await open();
      const { store } = opened;
      const owner = freshOwner();
      const place = at({ owner, name: 'own' }, 'k');
      expect(told(await store.run(put(place, 'before', always, { epoch: 5n })))).toBe('fenced');
      expect(await store.open(owner, 1_790_000_000_000_005n)).toBe(true);
      expect(await store.open(owner, 1_790_000_000_000_005n)).toBe(true);
      expect(told(await store.run(put(place, 'five', always, { epoch: 1_790_000_000_000_005n })))).toEqual({
        applied: true,
      });
      expect(await store.open(owner, 1_790_000_000_000_006n)).toBe(true);
      expect(await store.open(owner, 1_790_000_000_000_005n)).toBe(false);
      const stale = { epoch: 1_790_000_000_000_005n };
      for (const command of [
        put(place, 'stale', always, stale),
        put(at(place.space, 'new'), 'stale', absent, stale),
        add(at(place.space, 'n'), 1n, {}, stale),
        addMember(at(place.space, 's'), 'm', stale),
        { ...remove(place), epoch: stale.epoch } as KvCommand,
        put(place, 'future', always, { epoch: 1_790_000_000_000_007n }),
      ])
        expect(told(await store.run(command))).toBe('fenced');
      expect(told(await store.run(get(place)))).toEqual({ applied: true, value: 'five' });
      expect(await keysOf(store, place.space)).toEqual(['k']);
    });

    test('a fenced command among others stops none of them', async () => {
      await using opened = await open();
      const { store } = opened;
      const owner = freshOwner();
      await store.open(owner, 2n);
      const space = { owner, name: 'own' };
      const replies = await Promise.all([
        store.run(put(at(space, 'a'), '1', always, { epoch: 2n })),
        store.run(put(at(space, 'a'), '2', always, { epoch: 1n })),
        store.run(add(at(space, 'a'), 1n, {}, { epoch: 2n })),
        store.run(get(at(space, 'a'))),
      ]);
      expect(replies.map(told)).toEqual([
        { applied: true },
        'fenced',
        { applied: true, count: 2n },
        { applied: true, value: '2' },
      ]);
    });

    test('lists in the order of bytes, in pages, under a prefix', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const keys = ['a', 'a/1', 'a/10', 'a/2', 'a/é', 'a/\ud83d\ude00', 'a/\uffee', 'b', 'z\u0000'];
      for (const key of keys.toReversed()) await store.run(put(at(space, key), `v ${key}`));
      await store.run(addMember(at(space, 'set'), 'm'));
      const sorted = [...keys, 'set'].toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
      const first = await store.list(space, page());
      expect(first.entries.map(({ key }) => key)).toEqual(sorted);
      expect(first.next).toBeUndefined();
      for (const { key, value } of first.entries)
        expect(value && Buffer.from(value).toString()).toBe(key === 'set' ? undefined : `v ${key}`);
      const paged: string[] = [];
      for (let after: string | undefined = ''; after !== undefined; ) {
        const { entries, next } = await store.list(space, page({ prefix: 'a/', after, limit: 2 }));
        expect(entries.length).toBeLessThanOrEqual(2);
        paged.push(...entries.map(({ key }) => key));
        after = next;
      }
      expect(paged).toEqual(sorted.filter((key) => key.startsWith('a/')));
      expect(await store.list(space, page({ prefix: 'nothing' }))).toEqual({ entries: [] });
      expect(await store.list(freshSpace(), page())).toEqual({ entries: [] });
    });

    test('a page is cut by its bytes, but has one key at least', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      for (const key of ['a', 'b', 'c']) await store.run(put(at(space, key), 'x'.repeat(100)));
      const one = await store.list(space, page({ bytesMax: 10 }));
      expect([one.entries.length, one.next]).toEqual([1, 'a']);
      const two = await store.list(space, page({ bytesMax: 250 }));
      expect([two.entries.length, two.next]).toEqual([2, 'b']);
      const rest = await store.list(space, page({ bytesMax: 250, after: 'b' }));
      expect([rest.entries.length, rest.next]).toEqual([1, undefined]);
    });

    test('what comes and goes between pages does not disturb the others', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      for (let n = 10; n < 20; n += 1) await store.run(put(at(space, `k${n}`), 'v'));
      const first = await store.list(space, page({ limit: 4 }));
      expect(first.next).toBe('k13');
      await store.run(remove(at(space, 'k13')));
      await store.run(remove(at(space, 'k15')));
      await store.run(put(at(space, 'k10x'), 'v'));
      const rest = await store.list(space, page({ after: first.next ?? '' }));
      expect(rest.entries.map(({ key }) => key)).toEqual(['k14', 'k16', 'k17', 'k18', 'k19']);
    });

    test('purges all spaces of an owner, and nothing else', async () => {
      await using opened = await open();
      const { store } = opened;
      const [owner, other] = [freshOwner(), freshOwner()];
      for (const who of [owner, other]) await store.open(who, 1n);
      for (const name of ['one', 'two'])
        await Promise.all(
          Array.from({ length: 700 }, (_, n) =>
            store.run(put(at({ owner, name }, `k${n}`), 'v', always, { epoch: 1n })),
          ),
        );
      await store.run(addMember(at({ owner, name: 'two' }, 'set'), 'm', { epoch: 1n }));
      await store.run(put(at({ owner: other, name: 'one' }, 'k'), 'v', always, { epoch: 1n }));
      expect(await store.purge(owner, undefined)).toBe(1401);
      expect(await store.purge(owner, undefined)).toBe(0);
      for (const name of ['one', 'two']) expect(await keysOf(store, { owner, name })).toEqual([]);
      expect(await keysOf(store, { owner: other, name: 'one' })).toEqual(['k']);
      const again = put(at({ owner, name: 'one' }, 'k'), 'v', always, { epoch: 1n });
      expect(told(await store.run(again))).toEqual({ applied: true });
      expect(told(await store.run(addMember(at({ owner, name: 'two' }, 'set'), 'm', { epoch: 1n })))).toEqual({
        applied: true,
        count: 1n,
      });
      expect(await store.purge(owner, undefined)).toBe(2);
    });

    test('a purge under an epoch that is not the newest deletes nothing', async () => {
      await using opened = await open();
      const { store } = opened;
      const owner = freshOwner();
      const place = at({ owner, name: 'one' }, 'k');
      expect(await store.purge(owner, 1n)).toBeUndefined();
      await store.open(owner, 1n);
      await store.run(put(place, 'first', always, { epoch: 1n }));
      await store.open(owner, 2n);
      expect(await store.purge(owner, 1n)).toBeUndefined();
      expect(await store.purge(owner, 3n)).toBeUndefined();
      expect(told(await store.run(get(place)))).toEqual({ applied: true, value: 'first' });
      expect(await store.purge(owner, 2n)).toBe(1);
      expect(told(await store.run(get(place)))).toEqual({ applied: false });
      await store.run(put(place, 'second', always, { epoch: 2n }));
      expect(await store.purge(owner, undefined)).toBe(1);
    });

    test('what is asked at once is done in order', async () => {
      await using opened = await open();
      const { store } = opened;
      const place = at(freshSpace(), 'k');
      const replies = await Promise.all([
        store.run(put(place, '1')),
        store.run(get(place)),
        store.run(add(place, 4n)),
        store.run(put(place, 'five', equal('5'))),
        store.run(get(place)),
        store.run(remove(place)),
        store.run(addMember(place, 'm')),
        store.run(addMember(place, 'm')),
        store.run(remove(place)),
        store.run(get(place)),
      ]);
      expect(replies.map(told)).toEqual([
        { applied: true },
        { applied: true, value: '1' },
        { applied: true, count: 5n },
        { applied: true },
        { applied: true, value: 'five' },
        { applied: true },
        { applied: true, count: 1n },
        { applied: false, count: 1n },
        { applied: true },
        { applied: false },
      ]);
    });

    test('counts every one of many increments asked at once', async () => {
      await using opened = await open();
      const places = Array.from({ length: 10 }, () => at(freshSpace(), 'n'));
      const asked = Array.from({ length: 2000 }, (_, n) => opened.store.run(add(places[n % 10] as KvPlace, 1n)));
      await Promise.all(asked);
      for (const place of places)
        expect(told(await opened.store.run(get(place)))).toEqual({ applied: true, value: '200' });
    });

    kvModel(open);
  });
};
