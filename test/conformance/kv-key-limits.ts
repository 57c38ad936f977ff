import { describe, expect, test, vi } from 'vitest';
import type { KvCommand } from '../../src/model/kv-command.ts';
import {
  absent,
  add,
  addMember,
  always,
  at,
  equal,
  freshSpace,
  get,
  gone,
  keysOf,
  type Opened,
  put,
  remove,
  told,
} from './kv-commands.ts';

/** What stores of key-value state do about the number of keys of a space. */
export const kvKeyLimits = (open: () => Promise<Opened>): void => {
  describe('a space with a limit of keys', () => {
    const limited = (command: KvCommand, keysMax: number): KvCommand =>
      command.kind === 'get' || command.kind === 'delete' ? command : { ...command, keysMax };

    test('takes no further key, whatever makes it, and changes those it has', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const run = async (command: KvCommand) => told(await store.run(limited(command, 3)));
      expect(await run(put(at(space, 'a'), '1'))).toEqual({ applied: true });
      expect(await run(put(at(space, 'b'), '1', absent))).toEqual({ applied: true });
      expect(await run(add(at(space, 'c'), 5n))).toEqual({ applied: true, count: 5n });
      expect(await run(put(at(space, 'd'), '1'))).toBe('full');
      expect(await run(put(at(space, 'd'), '1', absent))).toBe('full');
      expect(await run(add(at(space, 'd'), 5n))).toBe('full');
      expect(await run(addMember(at(space, 'd'), 'm'))).toBe('full');
      expect(await run(put(at(space, 'd'), '1', equal('x')))).toEqual({ applied: false });
      expect(told(await store.run(get(at(space, 'd'))))).toEqual({ applied: false });
      expect(await keysOf(store, space)).toEqual(['a', 'b', 'c']);
      expect(await run(put(at(space, 'a'), '2'))).toEqual({ applied: true });
      expect(await run(add(at(space, 'c'), 1n))).toEqual({ applied: true, count: 6n });
      // Another space of the owner has room of its own.
      const other = { ...space, name: 'other' };
      expect(await run(addMember(at(other, 's'), 'm'))).toEqual({ applied: true, count: 1n });
      expect(await run(addMember(at(other, 's'), 'n'))).toEqual({ applied: true, count: 2n });
    });

    test('has room again for what is deleted, purged, or has expired', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const run = async (command: KvCommand) => told(await store.run(limited(command, 2)));
      await run(put(at(space, 'a'), '1'));
      await run(put(at(space, 'b'), '1'));
      expect(await run(put(at(space, 'c'), '1'))).toBe('full');
      await run(remove(at(space, 'a')));
      expect(await run(put(at(space, 'c'), '1'))).toEqual({ applied: true });
      expect(await run(put(at(space, 'd'), '1'))).toBe('full');
      await run(put(at(space, 'b'), '1', always, { ttlMs: 150 }));
      await vi.waitFor(async () => expect(await run(put(at(space, 'd'), '1'))).toEqual({ applied: true }), gone);
      expect(await run(put(at(space, 'e'), '1'))).toBe('full');
      await store.open(space.owner, 1n);
      const own = { ...space, name: 'own' };
      for (const key of ['a', 'b']) await run(put(at(own, key), '1', always, { epoch: 1n }));
      expect(await run(put(at(own, 'c'), '1', always, { epoch: 1n }))).toBe('full');
      await store.purge(space.owner, undefined);
      expect(await run(put(at(own, 'c'), '1', always, { epoch: 1n }))).toEqual({ applied: true });
    });

    test('takes exactly as many as it may of those that come at once', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      const names = Array.from({ length: 40 }, (_, index) => `k${index}`);
      const replies = await Promise.all(
        names.map(async (name) => told(await store.run(limited(put(at(space, name), 'v'), 25)))),
      );
      expect(replies.filter((reply) => reply === 'full')).toHaveLength(15);
      expect(await keysOf(store, space)).toHaveLength(25);
    });

    test('that was filled before it had a limit, or under a larger one, keeps what it has', async () => {
      await using opened = await open();
      const { store } = opened;
      const space = freshSpace();
      for (const key of ['a', 'b', 'c']) await store.run(put(at(space, key), '1'));
      expect(told(await store.run(limited(put(at(space, 'd'), '1'), 2)))).toBe('full');
      expect(told(await store.run(limited(put(at(space, 'd'), '1'), 4)))).toEqual({ applied: true });
      expect(told(await store.run(limited(put(at(space, 'a'), '2'), 2)))).toEqual({ applied: true });
      expect(await keysOf(store, space)).toEqual(['a', 'b', 'c', 'd']);
    });
  });
};
