import { describe, expect, test, vi } from 'vitest';
import type { DelayStore } from '../../src/ports/delay-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: DelayStore;
}

let serial = 0;
/** Long ago, and of this test's own. */
const epoch = (): number => 1_000_000 + (serial += 1) * 10_000;
/** More than any clock's difference. */
const hourMs = 3_600_000;
const message = (id: string, dueAtMs: number, body = id) => ({ id, dueAtMs, body: Buffer.from(body) });
const fresh = (label: string): string => `${label}-${process.pid}-${serial}-${Date.now()}`;

/** What every store of delayed messages does. */
export const delayStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`delay store: ${adapter}`, () => {
    test('hands out what is due, the earliest first, and nothing before', async () => {
      await using opened = await open();
      const at = epoch();
      const [early, late, later] = [fresh('early'), fresh('late'), fresh('later')];
      await opened.store.add(message(late, at + 20));
      await opened.store.add(message(early, at + 10));
      await opened.store.add(message(later, Date.now() + hourMs));
      const due = await opened.store.claim(10, hourMs);
      expect(due.map(({ id, dueAtMs, attempt, body }) => [id, dueAtMs, attempt, Buffer.from(body).toString()])).toEqual(
        [
          [early, at + 10, 1, early],
          [late, at + 20, 1, late],
        ],
      );
      expect(await opened.store.claim(10, hourMs)).toEqual([]);
      await opened.store.remove([early, late, later]);
    });

    test('is claimed by one at a time, and by another when the claim has run out', async () => {
      await using opened = await open();
      const at = epoch();
      const id = fresh('one');
      await opened.store.add(message(id, at));
      await opened.store.add(message(id, at + 5, 'other'));
      expect(await opened.store.claim(10, 300)).toHaveLength(1);
      expect(await opened.store.claim(10, 300)).toEqual([]);
      const again = await vi.waitFor(async () => {
        const [found] = await opened.store.claim(10, 300);
        if (found === undefined) throw new Error('the claim has not run out');
        return found;
      });
      expect(again).toMatchObject({ id, attempt: 2, dueAtMs: at });
      await opened.store.remove([id]);
      await opened.store.remove([id]);
      await opened.store.remove([]);
      expect(await opened.store.claim(10, 300)).toEqual([]);
    });

    test('several who claim at once get each message once', async () => {
      await using opened = await open();
      const at = epoch();
      const ids = Array.from({ length: 60 }, (_, index) => fresh(`m${index}`));
      await Promise.all(ids.map((id, index) => opened.store.add(message(id, at + index))));
      const claims = await Promise.all(Array.from({ length: 6 }, () => opened.store.claim(20, hourMs)));
      const rest = await opened.store.claim(100, hourMs);
      const claimed = [...claims.flat(), ...rest].map(({ id }) => id);
      expect(claimed.toSorted()).toEqual(ids.toSorted());
      await opened.store.remove(ids);
    });
  });
};
