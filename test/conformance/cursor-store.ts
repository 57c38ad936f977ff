import { describe, expect, test } from 'vitest';
import type { CursorStore, Position } from '../../src/ports/cursor-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: CursorStore;
}

let serial = 0;
const freshOwner = (): string => `ag::conformance::cursor::${process.pid}-${(serial += 1)}-${Date.now()}`;
const at = (offset: bigint, index = 0): Position => ({ offset, index });

/** What every cursor store does. */
export const cursorStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`cursor store: ${adapter}`, () => {
    test('a new owner has no cursors', async () => {
      await using opened = await open();
      expect(await opened.store.open(freshOwner(), 5n)).toEqual(new Map());
    });

    test('what is committed is found by the next epoch, topic by topic', async () => {
      await using opened = await open();
      const owner = freshOwner();
      await opened.store.open(owner, 1_790_000_000_000_001n);
      const first = new Map([
        ['ag::w::i::s', at(7n, 3)],
        ['pg::w', at(2n ** 60n, 65_535)],
      ]);
      expect(await opened.store.commit([{ owner, epoch: 1_790_000_000_000_001n, positions: first }])).toEqual([]);
      await opened.store.commit([
        { owner, epoch: 1_790_000_000_000_001n, positions: new Map([['ag::w::i::s', at(9n)]]) },
      ]);
      expect(await opened.store.open(owner, 1_790_000_000_000_002n)).toEqual(
        new Map([
          ['ag::w::i::s', at(9n)],
          ['pg::w', at(2n ** 60n, 65_535)],
        ]),
      );
    });

    test('of many opened at once each finds its own, and of two epochs of one owner the newest is in force', async () => {
      await using opened = await open();
      const { store } = opened;
      const owners = Array.from({ length: 20 }, freshOwner);
      const committed = (index: number) => new Map([['t', at(BigInt(index), index)]]);
      for (const [index, owner] of owners.entries()) {
        await store.open(owner, 10n);
        if (index > 0) await store.commit([{ owner, epoch: 10n, positions: committed(index) }]);
      }
      const [, ...found] = await Promise.all([
        store.open(owners[0] ?? '', 13n),
        ...owners.map((owner) => store.open(owner, 14n)),
        store.open(owners[0] ?? '', 12n),
      ]);
      expect(found.slice(0, owners.length)).toEqual(
        owners.map((_, index) => (index > 0 ? committed(index) : new Map())),
      );
      expect(await store.open(owners[0] ?? '', 13n)).toBeUndefined();
    });

    test('an older epoch can neither open nor commit, and is named', async () => {
      await using opened = await open();
      const owner = freshOwner();
      const other = freshOwner();
      await opened.store.open(owner, 10n);
      await opened.store.open(other, 10n);
      await opened.store.commit([{ owner, epoch: 10n, positions: new Map([['t', at(1n)]]) }]);
      await opened.store.open(owner, 11n);
      const fenced = await opened.store.commit([
        { owner, epoch: 10n, positions: new Map([['t', at(99n)]]) },
        { owner: other, epoch: 10n, positions: new Map([['t', at(5n)]]) },
      ]);
      expect(fenced).toEqual([owner]);
      expect(await opened.store.open(owner, 9n)).toBeUndefined();
      expect(await opened.store.open(owner, 12n)).toEqual(new Map([['t', at(1n)]]));
      expect(await opened.store.open(other, 12n)).toEqual(new Map([['t', at(5n)]]));
    });

    test('a commit nobody opened for is refused', async () => {
      await using opened = await open();
      const owner = freshOwner();
      expect(await opened.store.commit([{ owner, epoch: 3n, positions: new Map([['t', at(1n)]]) }])).toEqual([owner]);
    });

    test('the same epoch may open again', async () => {
      await using opened = await open();
      const owner = freshOwner();
      await opened.store.open(owner, 4n);
      expect(await opened.store.open(owner, 4n)).toEqual(new Map());
    });

    test('positions may move back', async () => {
      await using opened = await open();
      const owner = freshOwner();
      await opened.store.open(owner, 1n);
      for (const offset of [5n, 3n])
        await opened.store.commit([{ owner, epoch: 1n, positions: new Map([['t', at(offset)]]) }]);
      expect(await opened.store.open(owner, 2n)).toEqual(new Map([['t', at(3n)]]));
    });

    test('what is ahead of a position is kept with it, and gone with the next one that has nothing', async () => {
      await using opened = await open();
      const owner = freshOwner();
      await opened.store.open(owner, 1n);
      const position: Position = {
        offset: 2n ** 50n,
        index: 3,
        ahead: [
          { offset: 2n ** 50n, index: 3, attempts: 4, losses: 0, unseen: 0 },
          { offset: 2n ** 50n, index: 7, attempts: 0, losses: 2, unseen: 7 },
          { offset: 2n ** 50n + 900n, index: 0, attempts: 0, losses: 0, unseen: 0 },
        ],
      };
      await opened.store.commit([{ owner, epoch: 1n, positions: new Map([['t', position]]) }]);
      expect(await opened.store.open(owner, 2n)).toEqual(new Map([['t', position]]));
      await opened.store.commit([{ owner, epoch: 2n, positions: new Map([['t', at(2n ** 51n)]]) }]);
      expect(await opened.store.open(owner, 3n)).toEqual(new Map([['t', at(2n ** 51n)]]));
    });

    test('commits many in one call', async () => {
      await using opened = await open();
      const owners = Array.from({ length: 700 }, freshOwner);
      await Promise.all(owners.map((owner) => opened.store.open(owner, 1n)));
      const commits = owners.map((owner, index) => ({
        owner,
        epoch: 1n,
        positions: new Map([['t', at(BigInt(index))]]),
      }));
      expect(await opened.store.commit(commits)).toEqual([]);
      expect(await opened.store.commit([])).toEqual([]);
      expect(await opened.store.open(owners[699] ?? '', 2n)).toEqual(new Map([['t', at(699n)]]));
    });

    test('topics are opaque text', async () => {
      await using opened = await open();
      const owner = `${freshOwner()}::ü{x}|`;
      await opened.store.open(owner, 1n);
      await opened.store.commit([{ owner, epoch: 1n, positions: new Map([['pg::ü {weird}\n', at(1n)]]) }]);
      expect(await opened.store.open(owner, 2n)).toEqual(new Map([['pg::ü {weird}\n', at(1n)]]));
    });
  });
};
