import { expect, test } from 'vitest';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryReceiptStore } from '../adapters/memory/memory-receipt-store.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { FabricError } from '../model/error.ts';
import { type ReceiptState, stepOf } from '../model/receipt.ts';
import type { ReceiptStore } from '../ports/receipt-store.ts';
import { Receipts } from './receipts.ts';

const owner = 'ag::w::i::s';

/** A store whose writes are answered, or fail, when the test says so. */
const open = async () => {
  const clock = new VirtualClock();
  const store = new MemoryReceiptStore({ clock, retentionMs: 3_600_000 });
  const writes: { readonly fail: () => void; readonly pass: () => void }[] = [];
  const receiptStore: ReceiptStore = {
    claim: (...given) => store.claim(...given),
    advance: async (steps) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      writes.push({ fail: () => reject(new FabricError('STORE_UNAVAILABLE', 'no answer')), pass: resolve });
      await promise;
      await store.advance(steps);
    },
    expire: () => Promise.resolve([]),
    get: (...given) => store.get(...given),
  };
  const receipts = await Receipts.open({ receiptStore, hints: new MemoryHints(), clock, log: new MemoryLog() });
  const advance = (state: ReceiptState, expiresAtMs?: number): void =>
    receipts.advance(stepOf(owner, { id: 'm', state, atMs: 1, reason: '', ...(expiresAtMs && { expiresAtMs }) }));
  const state = async () => (await receipts.get(owner, ['m']))[0]?.state;
  const write = async (how: 'fail' | 'pass'): Promise<void> => {
    writes.shift()?.[how]();
    await clock.pass(1);
  };
  return { clock, store, receipts, advance, state, write };
};

test('what could not be written is not given up for something lower that waits', async () => {
  const { clock, store, advance, write } = await open();
  advance('acked');
  await clock.pass(1);
  advance('delivered');
  await write('fail');
  await clock.pass(1000);
  await write('pass');
  await clock.pass(1000);
  await write('pass');
  expect(await store.get(owner, ['m'])).toMatchObject([{ state: 'acked' }]);
});

test('what others have written counts where it is more than what waits here', async () => {
  const { clock, store, advance, state } = await open();
  await store.advance([stepOf(owner, { id: 'm', state: 'acked', atMs: 1, reason: '' })]);
  advance('delivered', 1);
  await clock.pass(1);
  expect(await state()).toBe('acked');
  advance('dead_lettered');
  expect(await state()).toBe('dead_lettered');
});
