import { describe, expect, test } from 'vitest';
import type { CursorCopies } from '../../src/ports/cursor-copies.ts';
import type { Position } from '../../src/ports/cursor-store.ts';

interface Opened extends AsyncDisposable {
  readonly copies: CursorCopies;
}

let serial = 0;
const freshOwner = (): string => `ag::conformance::copy::${process.pid}-${(serial += 1)}-${Date.now()}`;
const at = (offset: bigint, index = 0): Position => ({ offset, index });

/** What every second place for cursors does. */
export const cursorCopiesConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`cursor copies: ${adapter}`, () => {
    test('of an owner nobody kept anything of there is nothing', async () => {
      await using opened = await open();
      expect(await opened.copies.find(freshOwner())).toEqual(new Map());
    });

    test('what was kept is found, topic by topic, and moves on', async () => {
      await using opened = await open();
      const { copies } = opened;
      const [owner, other] = [freshOwner(), freshOwner()];
      await copies.keep([
        {
          owner,
          epoch: 5n,
          positions: new Map([
            ['t1', at(3n, 7)],
            ['t2', at(2n ** 60n)],
          ]),
        },
        { owner: other, epoch: 9n, positions: new Map([['t1', at(1n)]]) },
      ]);
      await copies.keep([{ owner, epoch: 6n, positions: new Map([['t1', at(4n)]]) }]);
      expect(await copies.find(owner)).toEqual(
        new Map([
          ['t1', at(4n)],
          ['t2', at(2n ** 60n)],
        ]),
      );
      expect(await copies.find(other)).toEqual(new Map([['t1', at(1n)]]));
    });

    test('an older epoch changes nothing, and the others of its call are kept', async () => {
      await using opened = await open();
      const { copies } = opened;
      const [owner, other] = [freshOwner(), freshOwner()];
      await copies.keep([{ owner, epoch: 8n, positions: new Map([['t', at(9n)]]) }]);
      await copies.keep([
        { owner, epoch: 7n, positions: new Map([['t', at(99n)]]) },
        { owner: other, epoch: 1n, positions: new Map([['t', at(1n)]]) },
      ]);
      expect(await copies.find(owner)).toEqual(new Map([['t', at(9n)]]));
      expect(await copies.find(other)).toEqual(new Map([['t', at(1n)]]));
    });
  });
};
