import { describe, expect, test, vi } from 'vitest';
import { checkpointBytesMax, checkpointsPerIdentityMax } from '../../src/model/limits.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: CheckpointStore;
}

let serial = 0;
const freshOwner = (): string => `ag::conformance::checkpoint::${process.pid}-${(serial += 1)}-${Date.now()}{ü}`;
const data = (text: string): Uint8Array => Buffer.from(text);
const save = (name: string, text: string, ttlMs?: number) => ({ name, data: data(text), ttlMs });

const loaded = async (store: CheckpointStore, owner: string, name: string): Promise<string | undefined> => {
  const found = await store.load(owner, name);
  return found && Buffer.from(found.data).toString();
};

/** What every checkpoint store does. */
export const checkpointStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`checkpoint store: ${adapter}`, () => {
    test('what is saved is loaded, with when it was saved', async () => {
      await using opened = await open();
      const { store } = opened;
      const writer = { owner: freshOwner(), epoch: 1n };
      expect(await store.open(writer.owner, writer.epoch)).toBe(true);
      expect(await store.load(writer.owner, 'a')).toBeUndefined();
      const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const saved = await store.save(writer, { name: 'a ü\n\u0000', data: all, ttlMs: undefined });
      const found = await store.load(writer.owner, 'a ü\n\u0000');
      expect(found && Buffer.compare(found.data, all)).toBe(0);
      expect(saved).toEqual({ outcome: 'saved', savedAtMs: found?.savedAtMs });
      expect(Math.abs(Number(found?.savedAtMs) - Date.now())).toBeLessThan(3_600_000);
      await store.save(writer, save('a ü\n\u0000', ''));
      expect(await loaded(store, writer.owner, 'a ü\n\u0000')).toBe('');
    });

    test('the largest there may be', async () => {
      await using opened = await open();
      const writer = { owner: freshOwner(), epoch: 1n };
      await opened.store.open(writer.owner, 1n);
      const large = Buffer.alloc(checkpointBytesMax, 3);
      await opened.store.save(writer, { name: 'large', data: large, ttlMs: undefined });
      const found = await opened.store.load(writer.owner, 'large');
      expect(found && Buffer.compare(found.data, large)).toBe(0);
    });

    test('deletes, of what is not there too, and lists names in the order of their bytes', async () => {
      await using opened = await open();
      const { store } = opened;
      const writer = { owner: freshOwner(), epoch: 1n };
      await store.open(writer.owner, 1n);
      for (const name of ['b', 'a', 'a\ud83d\ude00', 'a\uffee', 'c']) await store.save(writer, save(name, name));
      expect(await store.list(writer.owner)).toEqual(['a', 'a\uffee', 'a\ud83d\ude00', 'b', 'c']);
      expect(await store.delete(writer, 'b')).toBe(true);
      expect(await store.delete(writer, 'b')).toBe(true);
      expect(await store.list(writer.owner)).toEqual(['a', 'a\uffee', 'a\ud83d\ude00', 'c']);
      expect(await store.list(freshOwner())).toEqual([]);
    });

    test('each owner has its own', async () => {
      await using opened = await open();
      const writers = [1n, 2n].map((epoch) => ({ owner: freshOwner(), epoch }));
      for (const writer of writers) {
        await opened.store.open(writer.owner, writer.epoch);
        await opened.store.save(writer, save('same', writer.owner));
      }
      for (const { owner } of writers) expect(await loaded(opened.store, owner, 'same')).toBe(owner);
    });

    test('an expired one is gone; saving again replaces the expiry', async () => {
      await using opened = await open();
      const { store } = opened;
      const writer = { owner: freshOwner(), epoch: 1n };
      await store.open(writer.owner, 1n);
      await store.save(writer, save('short', 'x', 30));
      await store.save(writer, save('kept', 'x', 30));
      await store.save(writer, save('kept', 'y'));
      await vi.waitFor(async () => expect(await store.list(writer.owner)).toEqual(['kept']), {
        timeout: 10_000,
        interval: 5,
      });
      expect(await store.load(writer.owner, 'short')).toBeUndefined();
      expect(await loaded(store, writer.owner, 'kept')).toBe('y');
    });

    test('only the newest epoch writes', async () => {
      await using opened = await open();
      const { store } = opened;
      const owner = freshOwner();
      expect(await store.save({ owner, epoch: 1n }, save('a', 'unopened'))).toEqual({ outcome: 'fenced' });
      await store.open(owner, 1_790_000_000_000_001n);
      await store.save({ owner, epoch: 1_790_000_000_000_001n }, save('a', 'old'));
      expect(await store.open(owner, 1_790_000_000_000_002n)).toBe(true);
      expect(await store.open(owner, 1_790_000_000_000_001n)).toBe(false);
      const stale = { owner, epoch: 1_790_000_000_000_001n };
      expect(await store.save(stale, save('a', 'stale'))).toEqual({ outcome: 'fenced' });
      expect(await store.save(stale, save('b', 'stale'))).toEqual({ outcome: 'fenced' });
      expect(await store.delete(stale, 'a')).toBe(false);
      expect(await loaded(store, owner, 'a')).toBe('old');
      expect(await store.list(owner)).toEqual(['a']);
    });

    test('there are only so many; an old name can still be saved, and a deleted one makes room', async () => {
      await using opened = await open();
      const { store } = opened;
      const writer = { owner: freshOwner(), epoch: 1n };
      await store.open(writer.owner, 1n);
      const names = Array.from({ length: checkpointsPerIdentityMax }, (_, n) => `k${n}`);
      while (names.length > 0)
        await Promise.all(names.splice(0, 20).map((name) => store.save(writer, save(name, 'x'))));
      expect(await store.save(writer, save('one more', 'x'))).toEqual({ outcome: 'full' });
      expect(await store.save(writer, save('k7', 'y'))).toMatchObject({ outcome: 'saved' });
      await store.delete(writer, 'k8');
      expect(await store.save(writer, save('one more', 'x'))).toMatchObject({ outcome: 'saved' });
      expect(await store.list(writer.owner)).toHaveLength(checkpointsPerIdentityMax);
    });
  });
};
