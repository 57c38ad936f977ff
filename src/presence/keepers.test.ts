import { expect, test } from 'vitest';
import { MemoryLeaseStore } from '../adapters/memory/memory-lease-store.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import { Keepers } from './keepers.ts';

const never = new AbortController().signal;

/** Keepers of whom nobody is there, and what was asked of the store. */
const absent = () => {
  const clock = new VirtualClock();
  const store = new MemoryLeaseStore(clock);
  const asked: string[] = [];
  const answering = { current: Promise.resolve() };
  const leaseStore: LeaseStore = Object.assign(Object.create(store) as MemoryLeaseStore, {
    isHeard: () => {
      asked.push('heard');
      return Promise.resolve(false);
    },
    current: async (names: readonly string[]) => {
      asked.push('current');
      await answering.current;
      return names.map((name) => ({ name, epoch: 1n, holder: '', state: 'held', keeper: '', note: '' }));
    },
  });
  const keepers = new Keepers({ leaseStore, clock, signal: never, ttlMs: 2500 });
  const isSilent = (): { is: boolean } => {
    const silence = { is: false };
    void keepers.silent('one/1', never).then(() => (silence.is = true));
    return silence;
  };
  return { clock, keepers, asked, answering, isSilent };
};

test('who joins while it is looked whether the gateway is gone does not wait for the next look at that', async () => {
  const { clock, keepers, asked, answering, isSilent } = absent();
  const held = Promise.withResolvers<void>();
  answering.current = held.promise;
  void keepers.gone('one/1', never);
  await clock.pass(1);
  expect(asked).toEqual(['current']);
  const silence = isSilent();
  held.resolve();
  for (let ms = 0; ms < 80; ms += 5) await clock.pass(5);
  expect(silence.is).toBe(true);
});

test('who waits for silence first has it looked at first', async () => {
  const { clock, asked, isSilent } = absent();
  isSilent();
  await clock.pass(0);
  expect(asked).toEqual(['heard']);
});

test('what was looked at ahead is not waited for again', async () => {
  const { clock, keepers, isSilent } = absent();
  using _ = keepers.anticipate('one/1');
  for (let ms = 0; ms < 60; ms += 5) await clock.pass(5);
  const silence = isSilent();
  await clock.pass(2);
  expect(silence.is).toBe(true);
});
