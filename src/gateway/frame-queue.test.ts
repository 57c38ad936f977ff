import { describe, expect, test } from 'vitest';
import { FabricError } from '../model/error.ts';
import { FrameQueue } from './frame-queue.ts';

const pauseAtBytes = 64 * 1024;
const group = (...texts: readonly string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));
const textsOf = (frames: unknown): string[] => (frames as readonly Uint8Array[]).map((frame) => frame.toString());

const open = () => {
  const valve = { pauses: 0, resumes: 0 };
  const queue = new FrameQueue({ pause: () => (valve.pauses += 1), resume: () => (valve.resumes += 1) });
  const ending = new AbortController();
  return { queue, valve, ending, frames: queue.read({ signal: ending.signal }) };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('groups', () => {
  test('come out as they went in, whether the reader was waiting or came later', async () => {
    const { queue, frames } = open();
    queue.push(group('a', 'b'));
    queue.push(group('c'));
    expect(textsOf((await frames.next()).value)).toEqual(['a', 'b']);
    expect(textsOf((await frames.next()).value)).toEqual(['c']);
    const next = frames.next();
    await turn();
    queue.push(group('d'));
    expect(textsOf((await next).value)).toEqual(['d']);
  });

  test('that are empty are none', async () => {
    const { queue, frames } = open();
    queue.push([]);
    queue.finish('half_closed');
    expect(await frames.next()).toEqual({ done: true, value: 'half_closed' });
  });
});

describe('the transport', () => {
  test('is asked to pause once when much waits, and to resume once all of it is taken', async () => {
    const { queue, valve, frames } = open();
    queue.push([new Uint8Array(pauseAtBytes - 1)]);
    expect(queue.isPaused).toBe(false);
    queue.push([new Uint8Array(1)]);
    queue.push([new Uint8Array(pauseAtBytes)]);
    expect([queue.isPaused, valve.pauses]).toEqual([true, 1]);
    await frames.next();
    await frames.next();
    expect([queue.isPaused, valve.resumes]).toEqual([true, 0]);
    await frames.next();
    expect([queue.isPaused, valve.resumes]).toEqual([false, 1]);
  });

  test('is told once everything so far was taken, and not before', async () => {
    const { queue, frames } = open();
    let isTaken = false;
    queue.push(group('a'));
    queue.push(group('b'));
    queue.whenTaken(() => (isTaken = true));
    await frames.next();
    await turn();
    expect(isTaken).toBe(false);
    await frames.next();
    expect(isTaken).toBe(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.whenTaken(resolve);
    await promise;
  });
});

describe('the end', () => {
  test.each(['half_closed', 'gone'] as const)('%s wakes a reader that waits', async (end) => {
    const { queue, frames } = open();
    const next = frames.next();
    await turn();
    queue.finish(end);
    expect(await next).toEqual({ done: true, value: end });
  });

  test('by half-close comes after what was pushed before', async () => {
    const { queue, frames } = open();
    queue.push(group('a'));
    queue.finish('half_closed');
    expect(textsOf((await frames.next()).value)).toEqual(['a']);
    expect(await frames.next()).toEqual({ done: true, value: 'half_closed' });
  });

  test('of one that is gone comes at once: nobody is there for the answers', async () => {
    const { queue, frames } = open();
    queue.push(group('a'));
    queue.finish('half_closed');
    queue.finish('gone');
    expect(await frames.next()).toEqual({ done: true, value: 'gone' });
  });

  test('by an error is thrown after what was pushed before, and the first error stays', async () => {
    const { queue, frames } = open();
    queue.push(group('a'));
    queue.finish(new FabricError('FRAME_TOO_LARGE', 'first'));
    queue.finish(new FabricError('INVALID_FRAME', 'second'));
    queue.finish('half_closed');
    expect(textsOf((await frames.next()).value)).toEqual(['a']);
    await expect(frames.next()).rejects.toMatchObject({ reason: 'FRAME_TOO_LARGE' });
  });

  test('by the reader itself: an aborted signal ends the wait, and what waits is left', async () => {
    const { ending, frames } = open();
    const next = frames.next();
    await turn();
    ending.abort();
    expect(await next).toEqual({ done: true, value: 'gone' });
    const other = open();
    other.queue.push(group('a'));
    other.ending.abort();
    expect(await other.frames.next()).toEqual({ done: true, value: 'gone' });
  });
});
