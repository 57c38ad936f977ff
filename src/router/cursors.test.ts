import { expect, test } from 'vitest';
import { MemoryCursorStore } from '../adapters/memory/memory-cursor-store.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { Cursors } from './cursors.ts';
import { Recipient } from './recipient.ts';

const session = (epoch: bigint, ended: bigint[]): Recipient =>
  new Recipient(
    {
      identity: 'ag::w::i::s',
      topic: 'ag::w::i::s',
      epoch,
      inbox: { offer: () => undefined },
      onFenced: () => ended.push(epoch),
    },
    new Map(),
    () => undefined,
  );

const receipts = { stored: () => Promise.resolve(true) };

test('a session is not taken for superseded because its predecessor asks in the same call', async () => {
  const clock = new VirtualClock();
  const cursorStore = new MemoryCursorStore();
  await using cursors = new Cursors({ clock, cursorStore, log: new MemoryLog(), receipts });
  const ended: bigint[] = [];
  for (const epoch of [1n, 2n]) {
    await cursorStore.open('ag::w::i::s', epoch);
    cursors.touch(session(epoch, ended));
  }
  await clock.pass(1000);
  expect(ended).toEqual([1n]);
});
