import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryQuotaLedger } from '../adapters/memory/memory-quota-ledger.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { FabricError } from '../model/error.ts';
import type { Rate } from '../model/quota.ts';
import type { QuotaLedger } from '../ports/quota-ledger.ts';
import { shareOf, WorkspaceRates, type WorkspaceShare } from './workspace-rates.ts';

const nowMs = (clock: VirtualClock): number => Math.floor(clock.monotonic());

/** One message, waiting for the ledger where need be; answers how long to wait where there is none. */
const send = async (share: WorkspaceShare, clock: VirtualClock): Promise<number> => {
  for (;;) {
    if (share.available(nowMs(clock)) > 0) {
      share.take(1, nowMs(clock));
      return 0;
    }
    const { waitMs, answer } = share.refusal(nowMs(clock));
    if (answer === undefined) return waitMs;
    await answer;
  }
};

const sendAll = async (share: WorkspaceShare, clock: VirtualClock, tries: number): Promise<number> => {
  let sent = 0;
  for (let one = 0; one < tries; one += 1) if ((await send(share, clock)) === 0) sent += 1;
  return sent;
};

const opened = (rate: Rate, { gateways = 1, ledger }: { gateways?: number; ledger?: QuotaLedger } = {}) => {
  const clock = new VirtualClock();
  const log = new MemoryLog();
  const quotaLedger = ledger ?? new MemoryQuotaLedger(clock);
  const shares = Array.from({ length: gateways }, () => {
    const share = new WorkspaceRates({ quotaLedger, clock, log }).open('w', rate);
    if (share === undefined) throw new Error('no share');
    return share;
  });
  return { clock, shares, log };
};
const only = ([share]: readonly WorkspaceShare[]): WorkspaceShare => {
  if (share === undefined) throw new Error('no share');
  return share;
};

test('the burst, then the rate; the ledger is asked for a share at a time', async () => {
  let asked = 0;
  const rate = { perSecond: 1000, burst: 2000 };
  const clock = new VirtualClock();
  const ledger = new MemoryQuotaLedger(clock);
  const counting: QuotaLedger = {
    take: (...request) => {
      asked += 1;
      return ledger.take(...request);
    },
    admit: (...request) => ledger.admit(...request),
    report: (...request) => ledger.report(...request),
  };
  const share = new WorkspaceRates({ quotaLedger: counting, clock, log: new MemoryLog() }).open('w', rate);
  if (share === undefined) throw new Error('no share');
  expect(await sendAll(share, clock, 5000)).toBe(2000);
  expect(asked).toBeLessThanOrEqual(2000 / shareOf(rate) + 2);
  await clock.pass(500);
  expect(await sendAll(share, clock, 5000)).toBe(500);
});

test('who waits as long as it is told gets through, and another is not let in before', async () => {
  const rate = { perSecond: 7, burst: 3 };
  const { clock, shares } = opened(rate);
  const share = only(shares);
  expect(await sendAll(share, clock, 10)).toBe(3);
  for (let round = 0; round < 20; round += 1) {
    const waitMs = await send(share, clock);
    expect(waitMs).toBeGreaterThan(0);
    await clock.pass(waitMs - 1);
    expect(await send(share, clock)).toBeGreaterThan(0);
    await clock.pass(1);
    expect(await send(share, clock)).toBe(0);
  }
});

test('of several gateways, in any span, no more than the burst, the rate, and a share each', async () => {
  const step = fc.record({
    gateway: fc.nat(2),
    tries: fc.integer({ min: 0, max: 300 }),
    pauseMs: fc.integer({ min: 0, max: 400 }),
  });
  const someRate = fc.record({
    perSecond: fc.integer({ min: 1, max: 2000 }),
    burst: fc.integer({ min: 1, max: 500 }),
  });
  await fc.assert(
    fc.asyncProperty(someRate, fc.array(step, { maxLength: 12 }), async (rate, steps) => {
      const { clock, shares } = opened(rate, { gateways: 3 });
      const sentAt: { readonly atMs: number; readonly count: number }[] = [];
      for (const { gateway, tries, pauseMs } of steps) {
        await clock.pass(pauseMs);
        const share = shares[gateway] ?? only(shares);
        sentAt.push({ atMs: nowMs(clock), count: await sendAll(share, clock, tries) });
      }
      for (const [index, first] of sentAt.entries()) {
        let count = 0;
        for (const last of sentAt.slice(index)) {
          count += last.count;
          const spanMs = last.atMs - first.atMs;
          const most = rate.burst + Math.ceil((spanMs * rate.perSecond) / 1000) + 3 * shareOf(rate);
          expect(count).toBeLessThanOrEqual(most);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('what a gateway took and did not use lapses', async () => {
  const rate = { perSecond: 100, burst: 100 };
  const { clock, shares } = opened(rate);
  const share = only(shares);
  await send(share, clock);
  expect(share.available(nowMs(clock))).toBeGreaterThan(0);
  await clock.pass(2000);
  expect(share.available(nowMs(clock))).toBe(0);
});

test('without the ledger, or with one that does not answer, the gateway keeps to the rate alone, and returns to it', async () => {
  const clock = new VirtualClock();
  const ledger = new MemoryQuotaLedger(clock);
  let state: 'up' | 'refusing' | 'silent' = 'refusing';
  const failing: QuotaLedger = {
    take: (...request) => {
      if (state === 'up') return ledger.take(...request);
      return state === 'silent'
        ? new Promise(() => undefined)
        : Promise.reject(new FabricError('STORE_UNAVAILABLE', 'down'));
    },
    admit: (...request) => ledger.admit(...request),
    report: (...request) => ledger.report(...request),
  };
  const log = new MemoryLog();
  const share = new WorkspaceRates({ quotaLedger: failing, clock, log }).open('w', { perSecond: 10, burst: 20 });
  if (share === undefined) throw new Error('no share');
  expect(await sendAll(share, clock, 100)).toBe(20);
  await clock.pass(1000);
  state = 'silent';
  const sending = sendAll(share, clock, 100);
  await clock.pass(250);
  expect(await sending).toBeGreaterThanOrEqual(10);
  state = 'up';
  await clock.pass(5000);
  expect(await sendAll(share, clock, 100)).toBe(20);
  expect(log.lines.some(({ event }) => event.includes('this gateway alone'))).toBe(true);
});
