import { expect, test } from 'vitest';
import { MemoryCursorCopies } from '../adapters/memory/memory-cursor-copies.ts';
import { MemoryCursorStore } from '../adapters/memory/memory-cursor-store.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { CopiedCursors } from './copied-cursors.ts';

const at = (offset: bigint) => ({ offset, index: 0 });
const positions = (offset: bigint) => new Map([['t', at(offset)]]);

const opened = () => {
  const [clock, copies] = [new VirtualClock(), new MemoryCursorCopies()];
  /** With a store that has just lost its data. */
  const anew = () => new CopiedCursors({ store: new MemoryCursorStore(), copies, clock, log: new MemoryLog() });
  return { clock, copies, anew };
};

test('a store that lost its data goes on from the copies, some seconds back', async () => {
  const { clock, anew } = opened();
  const cursors = anew();
  await cursors.open('one', 1n);
  await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(5n) }]);
  await clock.pass(5000);
  await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(9n) }]);
  const after = anew();
  expect(await after.open('one', 2n)).toEqual(positions(5n));
  // And it has them again: what is not moved now is not forgotten with the next session.
  expect(await after.open('one', 3n)).toEqual(positions(5n));
});

test('closing copies what has moved', async () => {
  const { anew } = opened();
  const cursors = anew();
  await cursors.open('one', 1n);
  await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(7n) }]);
  await cursors[Symbol.asyncDispose]();
  expect(await anew().open('one', 2n)).toEqual(positions(7n));
});

test('what a superseded session commits is not copied', async () => {
  const { copies, anew } = opened();
  const cursors = anew();
  await cursors.open('one', 1n);
  await cursors.open('one', 2n);
  expect(await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(99n) }])).toEqual(['one']);
  await cursors[Symbol.asyncDispose]();
  expect(await copies.find('one')).toEqual(new Map());
});

test('copies that fail hold nobody up, and are made up for', async () => {
  const { clock, copies } = opened();
  const log = new MemoryLog();
  let isDown = true;
  const failing = {
    keep: (commits: Parameters<MemoryCursorCopies['keep']>[0]) =>
      isDown ? Promise.reject(new Error('down')) : copies.keep(commits),
    find: (owner: string) => (isDown ? Promise.reject(new Error('down')) : copies.find(owner)),
  };
  const cursors = new CopiedCursors({ store: new MemoryCursorStore(), copies: failing, clock, log });
  expect(await cursors.open('one', 1n)).toEqual(new Map());
  await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(5n) }]);
  await clock.pass(5000);
  isDown = false;
  await clock.pass(5000);
  expect(await copies.find('one')).toEqual(positions(5n));
});

test('closing tries once: copies that fail do not keep the process from ending', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const failing = {
    keep: () => {
      tries += 1;
      return Promise.reject(new Error('down'));
    },
    find: () => Promise.resolve(new Map<string, never>()),
  };
  const cursors = new CopiedCursors({ store: new MemoryCursorStore(), copies: failing, clock, log: new MemoryLog() });
  await cursors.open('one', 1n);
  await cursors.commit([{ owner: 'one', epoch: 1n, positions: positions(5n) }]);
  await cursors[Symbol.asyncDispose]();
  await clock.pass(60_000);
  expect(tries).toBe(1);
});
