import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Authorizer } from '../acl/authorizer.ts';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { MemoryQuotaLedger } from '../adapters/memory/memory-quota-ledger.ts';
import { MemoryQuotaOverrideStore } from '../adapters/memory/memory-quota-override-store.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import { type LimitChanges, noLimits } from '../model/quota.ts';
import { type Metering, type QuotaPermit, Quotas } from './quotas.ts';

const identity = 'ag::w::i::s';
const all = { prefix: '', after: '' };

const permit = async (): Promise<QuotaPermit> => {
  const operator = { kind: 'service', implementation: 'ops', specifier: '1' } as const;
  const verdict = await new Authorizer().permit(
    { principal: operator, workspace: undefined },
    { action: 'manage_quotas' },
  );
  if ('denial' in verdict) throw new Error(verdict.denial.because);
  return verdict.permit;
};

/** Gateways on the same stores. */
const opened = async (configured: LimitChanges, count = 1) => {
  const clock = new VirtualClock();
  const stores = {
    quotaLedger: new MemoryQuotaLedger(clock),
    quotaOverrideStore: new MemoryQuotaOverrideStore(),
    hints: new MemoryHints(),
  };
  const log = new MemoryLog();
  const deps = { ...stores, clock, log, metrics: new MemoryMetrics(), entropy: systemEntropy };
  const limits = { ...noLimits, ...configured };
  const gateways: Quotas[] = [];
  for (let one = 0; one < count; one += 1) gateways.push(await Quotas.open(limits, deps));
  const [first, second] = gateways;
  if (first === undefined) throw new Error('no gateway');
  return { clock, log, quotas: first, other: second ?? first };
};

/** How many of so many pass now, waiting for nothing but the ledger. */
const passing = async ({ meter }: Metering, tries: number): Promise<number> => {
  let count = 0;
  for (let one = 0; one < tries; one += 1) {
    let refused = meter.take();
    while (refused?.answer !== undefined) {
      await refused.answer;
      refused = meter.take();
    }
    if (refused === undefined) count += 1;
  }
  meter.settle();
  return count;
};

test('a session may send its burst, and then its rate; 0 is no limit', async () => {
  const { clock, quotas } = await opened({ session_rate: 100 });
  const metering = quotas.meter(identity, 'w');
  expect(await passing(metering, 1000)).toBe(200);
  await clock.pass(500);
  expect(await passing(metering, 1000)).toBe(50);
  const free = (await opened({})).quotas.meter(identity, 'w');
  expect(await passing(free, 100_000)).toBe(100_000);
});

test('what was taken ahead and not used is not lost', async () => {
  const { quotas } = await opened({ session_rate: 1, session_burst: 100, identity_rate: 1, identity_burst: 100 });
  const metering = quotas.meter(identity, 'w');
  for (let one = 0; one < 100; one += 1) expect(await passing(metering, 1)).toBe(1);
  expect(metering.meter.take()).toMatchObject({ metered: 'session' });
});

test('who waits as long as it is told passes all the limits at once, and is not let through before', async () => {
  const some = fc.record({
    session_rate: fc.integer({ min: 0, max: 200 }),
    identity_rate: fc.integer({ min: 0, max: 200 }),
    workspace_rate: fc.integer({ min: 0, max: 200 }),
    session_burst: fc.integer({ min: 1, max: 20 }),
    identity_burst: fc.integer({ min: 1, max: 20 }),
    workspace_burst: fc.integer({ min: 1, max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(some, fc.array(fc.nat(30), { maxLength: 20 }), async (limits, pauses) => {
      const { clock, quotas } = await opened(limits);
      const metering = quotas.meter(identity, 'w');
      for (const pauseMs of pauses) {
        await clock.pass(pauseMs);
        await passing(metering, 3);
        const refused = metering.meter.take();
        if (refused === undefined || refused.answer !== undefined) continue;
        if (refused.waitMs > 1) {
          await clock.pass(refused.waitMs - 1);
          expect(await passing(metering, 1)).toBe(0);
          await clock.pass(1);
        } else await clock.pass(refused.waitMs);
        expect(await passing(metering, 1)).toBe(1);
      }
      await quotas[Symbol.asyncDispose]();
    }),
    { numRuns: 60 },
  );
});

test('a reconnect fills up the session, and not the identity', async () => {
  const { quotas, clock } = await opened({ session_rate: 100, identity_rate: 10, identity_burst: 150 });
  {
    using first = quotas.meter(identity, 'w');
    expect(await passing(first, 1000)).toBe(150);
  }
  using second = quotas.meter(identity, 'w');
  expect(second.meter.take()).toMatchObject({ metered: 'identity', waitMs: 100 });
  await clock.pass(1000);
  expect(await passing(second, 1000)).toBe(10);
});

test('entering another workspace fills up neither', async () => {
  const { quotas } = await opened({ session_rate: 100, workspace_rate: 30 });
  const metering = quotas.meter('us::u::1', 'w');
  expect(await passing(metering, 1000)).toBe(60);
  metering.enter('v');
  expect(await passing(metering, 1000)).toBe(60);
  metering.enter(undefined);
  expect(await passing(metering, 1000)).toBe(80);
});

test('a workspace shares its rate between its members and gateways', async () => {
  const { quotas, other } = await opened({ workspace_rate: 100 }, 2);
  const [one, two] = [quotas.meter('ag::w::i::1', 'w'), quotas.meter('ag::w::i::2', 'w')];
  const elsewhere = other.meter('ag::w::i::3', 'w');
  const count = (await passing(one, 80)) + (await passing(two, 80)) + (await passing(elsewhere, 200));
  expect(count).toBeLessThanOrEqual(200);
  expect(count).toBeGreaterThanOrEqual(190);
  expect(await passing(quotas.meter('ag::v::i::3', 'v'), 500)).toBe(200);
});

test('a workspace takes as many connections as it may have, on all gateways, and more when some leave', async () => {
  const { quotas, other, clock } = await opened({ workspace_connections: 3 }, 2);
  await quotas.enter('w');
  await quotas.enter('w');
  await other.enter('w');
  await expect(other.enter('w')).rejects.toMatchObject({
    reason: 'CONNECTION_QUOTA',
    message: "connection quota exceeded: quota exceeded for connections in workspace 'w': current 3, limit 3",
  });
  await other.enter('v');
  quotas.leave('w');
  await clock.pass(20);
  await other.enter('w');
  await expect(quotas.enter('w')).rejects.toMatchObject({ reason: 'CONNECTION_QUOTA' });
  // It is repeated often enough to stay.
  await clock.pass(60_000);
  await expect(quotas.enter('w')).rejects.toMatchObject({ reason: 'CONNECTION_QUOTA' });
  await other[Symbol.asyncDispose]();
  await quotas.enter('w');
  await quotas.enter('w');
});

test('what an operator changes holds at once, here and elsewhere, for sessions that are there', async () => {
  const { quotas, other, clock, log } = await opened({ session_rate: 1000, workspace_connections: 2 }, 2);
  const [here, there] = [quotas.meter(identity, 'w'), other.meter('ag::w::i::t', 'w')];
  const may = await permit();
  expect(await quotas.set(may, 'w', new Map([['session_rate', 10]]))).toMatchObject({
    limits: { session_rate: 10, session_burst: 0, workspace_connections: 2 },
    changes: { session_rate: 10 },
  });
  await clock.pass(0);
  expect(await passing(here, 1000)).toBe(20);
  expect(await passing(there, 1000)).toBe(20);
  await quotas.set(may, identity, new Map([['session_rate', 0]]));
  await clock.pass(0);
  expect(await passing(here, 1000)).toBe(1000);
  expect(await passing(there, 1000)).toBe(0);
  expect(await other.list(may, all)).toEqual([
    { subject: identity, limits: { session_rate: 0 } },
    { subject: 'w', limits: { session_rate: 10 } },
  ]);
  expect(log.lines.filter(({ event }) => event === 'quota changed').map(({ fields }) => fields)).toEqual([
    { by: 'sv::ops::1', subject: 'w', limits: { session_rate: 10 } },
    { by: 'sv::ops::1', subject: identity, limits: { session_rate: 0 } },
  ]);
  await quotas.clear(may, identity, []);
  expect(quotas.limitsOf(identity, 'w')).toMatchObject({ session_rate: 10 });
  await quotas.set(may, 'w', new Map([['workspace_connections', 0]]));
  await quotas.clear(may, 'w', ['session_rate']);
  expect(await other.get(may, 'w')).toMatchObject({
    limits: { session_rate: 1000, workspace_connections: 0 },
    changes: { workspace_connections: 0 },
  });
  expect(await quotas.get(may, identity)).toMatchObject({ limits: { workspace_connections: 0 }, changes: {} });
});

test('a gateway that missed the hint, or starts later, learns of changes too', async () => {
  const { quotas, clock } = await opened({ session_rate: 1000 });
  const store = new MemoryQuotaOverrideStore();
  await store.put({ subject: 'w', limits: { session_rate: 5 } });
  const deps = {
    clock,
    log: new MemoryLog(),
    metrics: new MemoryMetrics(),
    entropy: systemEntropy,
    hints: new MemoryHints(),
  };
  const late = await Quotas.open(noLimits, {
    ...deps,
    quotaLedger: new MemoryQuotaLedger(clock),
    quotaOverrideStore: store,
  });
  expect(late.limitsOf(identity, 'w').session_rate).toBe(5);
  await store.put({ subject: 'w', limits: { session_rate: 6 } });
  await clock.pass(15_000);
  expect(late.limitsOf(identity, 'w').session_rate).toBe(6);
  expect(quotas.limitsOf(identity, 'w').session_rate).toBe(1000);
});

test.each([
  ['a negative number', 'w', [['session_rate', -1]], 'ERR_INVALID_ARGUMENT'],
  ['a broken number', 'w', [['session_rate', 1.5]], 'ERR_INVALID_ARGUMENT'],
  ['no number', 'w', [['session_rate', Number.NaN]], 'ERR_INVALID_ARGUMENT'],
  ['more than can be', 'w', [['session_rate', 1_000_000_001]], 'ERR_INVALID_ARGUMENT'],
  ['a value larger than a frame', 'w', [['kv_value_size', 3 * 1024 * 1024 + 1]], 'ERR_INVALID_ARGUMENT'],
  ['an unknown limit', 'w', [['rate', 1]], 'ERR_INVALID_ARGUMENT'],
  ['a name every object has', 'w', [['constructor', 1]], 'ERR_INVALID_ARGUMENT'],
  ['no limit at all', 'w', [], 'ERR_INVALID_ARGUMENT'],
  ['no subject', '', [['session_rate', 1]], 'ERR_INVALID_ARGUMENT'],
  ['a workspace that cannot be', 'a b', [['session_rate', 1]], 'ERR_INVALID_ARGUMENT'],
  ['an identity that cannot be', 'ag::w', [['session_rate', 1]], 'ERR_INVALID_ARGUMENT'],
  ['a limit that is not an identity’s', identity, [['workspace_rate', 1]], 'ERR_INVALID_ARGUMENT'],
  [
    'one bad among good ones',
    'w',
    [
      ['session_rate', 1],
      ['x', 1],
    ] as [string, number][],
    'ERR_INVALID_ARGUMENT',
  ],
] as readonly [string, string, readonly [string, number][], string][])(
  'refuses %s, and changes nothing',
  async (_, subject, changes, reason) => {
    const { quotas } = await opened({});
    const may = await permit();
    await expect(quotas.set(may, subject, new Map(changes))).rejects.toMatchObject({ reason });
    expect(await quotas.list(may, all)).toEqual([]);
  },
);

test('what has not been changed cannot be cleared', async () => {
  const { quotas } = await opened({});
  const may = await permit();
  await expect(quotas.clear(may, 'w', [])).rejects.toMatchObject({ reason: 'ERR_QUOTA_UNKNOWN' });
  await quotas.set(may, 'w', new Map([['kv_keys', 1]]));
  await expect(quotas.clear(may, 'w', ['session_rate'])).rejects.toMatchObject({ reason: 'ERR_QUOTA_UNKNOWN' });
  await expect(quotas.clear(may, 'w', ['nothing'])).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
  expect(await quotas.list(may, all)).toHaveLength(1);
});
