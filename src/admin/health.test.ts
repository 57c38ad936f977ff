import { expect, test } from 'vitest';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { type Check, HealthChecks } from './health.ts';

const fine: Check = { name: 'fine', check: () => Promise.resolve() };
const broken: Check = { name: 'broken', check: () => Promise.reject(new Error('it says no')) };

test('is ready when every check is, and names those that are not with what they say', async () => {
  const clock = new VirtualClock();
  expect(await new HealthChecks(() => [fine], clock).ask()).toEqual({
    ready: true,
    checks: { fine: { status: 'ok', latency_ms: 0 } },
  });
  expect(await new HealthChecks(() => [fine, broken], clock).ask()).toEqual({
    ready: false,
    checks: {
      fine: { status: 'ok', latency_ms: 0 },
      broken: { status: 'error', latency_ms: 0, error: 'it says no' },
    },
  });
});

test('a check that does not answer in time is an error, is told to stop, and holds up no other', async () => {
  const clock = new VirtualClock();
  let given: AbortSignal | undefined;
  const silent: Check = {
    name: 'silent',
    check: ({ signal }) => {
      given = signal;
      return new Promise(() => undefined);
    },
  };
  const asked = new HealthChecks(() => [silent, fine], clock).ask();
  expect(given?.aborted).toBe(false);
  await clock.pass(2000);
  expect(await asked).toMatchObject({
    ready: false,
    checks: {
      silent: { status: 'error', latency_ms: 2000, error: 'no answer within 2000 ms' },
      fine: { status: 'ok' },
    },
  });
  expect(given?.aborted).toBe(true);
});

test('probes that come often share one round of checks a second', async () => {
  const clock = new VirtualClock();
  let rounds = 0;
  const counted: Check = {
    name: 'counted',
    check: () => {
      rounds += 1;
      return Promise.resolve();
    },
  };
  const health = new HealthChecks(() => [counted], clock);
  await Promise.all([health.ask(), health.ask(), health.ask()]);
  await clock.pass(1000);
  await health.ask();
  expect(rounds).toBe(1);
  await clock.pass(1);
  await health.ask();
  expect(rounds).toBe(2);
});

test('looks at what there is when it is asked: dependencies come while the process starts', async () => {
  const clock = new VirtualClock();
  const checks: Check[] = [broken];
  const health = new HealthChecks(() => checks, clock);
  expect(await health.ask()).toMatchObject({ ready: false });
  checks[0] = fine;
  await clock.pass(1001);
  expect(await health.ask()).toMatchObject({ ready: true });
});
