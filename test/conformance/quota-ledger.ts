import { describe, expect, test, vi } from 'vitest';
import type { QuotaLedger } from '../../src/ports/quota-ledger.ts';

interface Opened extends AsyncDisposable {
  readonly ledger: QuotaLedger;
}

let serial = 0;
const fresh = (): string => `quota-${process.pid}-${(serial += 1)}-${Date.now()}`;

const soon = { timeout: 10_000, interval: 5 };
const longMs = 60_000;

/** What every ledger of quotas does. */
export const quotaLedgerConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`quota ledger: ${adapter}`, () => {
    /** So slow that nothing comes back while a test runs. */
    const slow = { perSecond: 1, burst: 100 };

    test('grants the burst once, however it is divided, and says when there is more', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspace = fresh();
      const asked = await Promise.all(Array.from({ length: 30 }, () => ledger.take(workspace, slow, 7)));
      const granted = asked.reduce((sum, grant) => sum + grant.granted, 0);
      expect(granted).toBeGreaterThanOrEqual(100);
      expect(granted).toBeLessThan(110);
      const none = asked.filter((grant) => grant.granted === 0);
      expect(none.length).toBeGreaterThan(0);
      for (const { waitMs } of none) {
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(1000);
      }
      expect(await ledger.take(fresh(), slow, 7)).toEqual({ granted: 7, waitMs: 0 });
    });

    test('who comes again when it is told to is granted one', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspace = fresh();
      const rate = { perSecond: 50, burst: 3 };
      await ledger.take(workspace, rate, 3);
      for (let round = 0; round < 10; round += 1) {
        const { granted, waitMs } = await ledger.take(workspace, rate, 3);
        if (granted > 0) continue;
        await new Promise((resolve) => setTimeout(resolve, waitMs + 1));
        expect((await ledger.take(workspace, rate, 3)).granted).toBeGreaterThan(0);
      }
    });

    test('another rate holds from the next call on', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspace = fresh();
      expect((await ledger.take(workspace, slow, 100)).granted).toBe(100);
      expect((await ledger.take(workspace, { perSecond: 1, burst: 5 }, 9)).granted).toBeLessThan(2);
      const other = fresh();
      await ledger.take(other, slow, 10);
      expect((await ledger.take(other, { perSecond: 1, burst: 5 }, 9)).granted).toBe(5);
    });

    test('admits as many connections as there may be, of all gateways together', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspace = fresh();
      const admit = (holder: string, count: number) => ledger.admit(holder, { workspace, count, max: 5 }, longMs);
      expect(await admit('one', 3)).toEqual({ admitted: true, others: 0 });
      expect(await admit('two', 2)).toEqual({ admitted: true, others: 3 });
      expect(await admit('two', 3)).toEqual({ admitted: false, others: 3 });
      expect(await admit('one', 4)).toEqual({ admitted: false, others: 2 });
      await ledger.report('one', [{ workspace, count: 1 }], longMs);
      expect(await admit('two', 3)).toEqual({ admitted: true, others: 1 });
      await ledger.report('two', [{ workspace, count: 0 }], longMs);
      expect(await admit('one', 5)).toEqual({ admitted: true, others: 0 });
    });

    test('believes a gateway that says no more for a while, and then forgets it', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspace = fresh();
      await ledger.admit('gone', { workspace, count: 5, max: 5 }, 300);
      expect((await ledger.admit('here', { workspace, count: 1, max: 5 }, longMs)).admitted).toBe(false);
      await vi.waitFor(
        async () => expect((await ledger.admit('here', { workspace, count: 1, max: 5 }, longMs)).admitted).toBe(true),
        soon,
      );
    });

    test('takes reports of many workspaces at once', async () => {
      await using opened = await open();
      const { ledger } = opened;
      const workspaces = Array.from({ length: 500 }, fresh);
      await ledger.report(
        'one',
        workspaces.map((workspace, index) => ({ workspace, count: index + 1 })),
        longMs,
      );
      for (const index of [0, 99, 499]) {
        const workspace = workspaces[index] ?? '';
        const admission = await ledger.admit('two', { workspace, count: 1, max: index + 1 }, longMs);
        expect(admission).toEqual({ admitted: false, others: index + 1 });
      }
      await ledger.report('one', [], longMs);
    });
  });
};
