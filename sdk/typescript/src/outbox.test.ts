import { describe, expect, test } from 'vitest';
import { Outbox } from './outbox.ts';
import type { TransportStream } from './transport/transport.ts';

const kib = 1024;
const endless = { timeoutMs: undefined, signal: undefined };
const frame = (id: number, bytes = 1): Uint8Array => new Uint8Array(bytes).fill(id);

/** A stream that is driven by hand: `take()` makes room. */
const handStream = () => {
  const writes: number[][] = [];
  let taken: (() => void) | undefined;
  const stream: TransportStream = {
    read: () => ({ next: () => new Promise(() => undefined) }),
    write: (frames, onTaken) => {
      expect(taken).toBeUndefined();
      writes.push(frames.map((bytes) => bytes[0] ?? -1));
      taken = onTaken;
    },
    end: () => undefined,
    cancel: () => undefined,
    gone: new AbortController().signal,
  };
  return {
    stream,
    writes,
    take: () => {
      const onTaken = taken;
      taken = undefined;
      onTaken?.();
    },
  };
};

const open = (bytesMax = 1024 * kib) => new Outbox({ bytesMax, onWaiting: () => undefined });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the outbox', () => {
  test('gathers while a write is under way, and keeps the order', async () => {
    const outbox = open();
    const { stream, writes, take } = handStream();
    outbox.attach(stream, []);
    await outbox.push([frame(1)], endless);
    await outbox.push([frame(2)], endless);
    await outbox.push([frame(3)], endless);
    expect(writes).toEqual([[1]]);
    take();
    expect(writes).toEqual([[1], [2, 3]]);
    expect(outbox.handedCount).toBe(3);
  });

  test('makes senders wait when the connection is behind, and lets them go in order', async () => {
    const outbox = open(2048 * kib);
    const { stream, take } = handStream();
    outbox.attach(stream, []);
    await outbox.push([frame(0)], endless);
    const order: number[] = [];
    const sends = [1, 2, 3, 4, 5].map(async (id) => {
      await outbox.push([frame(id, 200 * kib)], endless);
      order.push(id);
    });
    await turn();
    expect(order).toEqual([1, 2]);
    expect(outbox.waiting.count).toBe(3);
    take();
    take();
    await turn();
    expect(order).toEqual([1, 2, 3, 4]);
    take();
    take();
    await Promise.all(sends);
    expect(outbox.waiting).toEqual({ count: 0, bytes: 0 });
  });

  test('O3: what was accepted and not written goes out on the next connection, behind its preface', async () => {
    const outbox = open();
    const [first, second] = [handStream(), handStream()];
    outbox.attach(first.stream, []);
    await outbox.push([frame(1)], endless);
    await outbox.push([frame(2)], endless);
    await turn();
    outbox.detach();
    const waiting = outbox.push([frame(3)], endless);
    first.take();
    expect(first.writes).toEqual([[1]]);
    outbox.attach(second.stream, [frame(9)]);
    await waiting;
    second.take();
    expect(second.writes).toEqual([[9], [2, 3]]);
  });

  test('O2: what was given up is not sent', async () => {
    const outbox = open();
    const controller = new AbortController();
    const aborted = outbox.push([frame(1)], { timeoutMs: undefined, signal: controller.signal });
    const late = outbox.push([frame(2)], { timeoutMs: 1, signal: undefined });
    const kept = outbox.push([frame(3)], endless);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(late).rejects.toMatchObject({ reason: 'SEND_TIMEOUT' });
    const { stream, writes, take } = handStream();
    outbox.attach(stream, []);
    await kept;
    await turn();
    take();
    expect(writes).toEqual([[3]]);
  });

  test('is bounded, also in what was given up', async () => {
    const outbox = open(1000);
    const first = outbox.push([frame(1, 500)], endless);
    await expect(outbox.push([frame(2, 500)], endless)).rejects.toMatchObject({ reason: 'SEND_QUEUE_FULL' });
    for (let round = 0; round < 1000; round += 1)
      await expect(outbox.push([frame(3)], { timeoutMs: 0, signal: AbortSignal.abort(round) })).rejects.toBe(round);
    expect(outbox.waiting.count).toBe(1);
    outbox.abandon(new Error('over'));
    await expect(first).rejects.toThrow('over');
    await expect(outbox.push([frame(4)], endless)).rejects.toThrow('over');
  });

  test('is drained when all has been handed over', async () => {
    const outbox = open();
    const { stream, take } = handStream();
    const sent = outbox.push([frame(1)], endless);
    let isDrained = false;
    const drained = outbox.drained().then(() => (isDrained = true));
    outbox.refuse(new Error('closing'));
    await expect(outbox.push([frame(2)], endless)).rejects.toThrow('closing');
    expect(isDrained).toBe(false);
    outbox.attach(stream, []);
    await sent;
    await turn();
    take();
    await drained;
  });

  test('drops what was only for a connection that is gone, whether it was accepted or waited', async () => {
    const outbox = open();
    const first = handStream();
    outbox.attach(first.stream, []);
    await outbox.push([frame(1)], endless);
    await outbox.push([frame(2)], { ...endless, only: first.stream });
    await outbox.push([frame(3)], endless);
    outbox.detach();
    const late = outbox.push([frame(4)], { ...endless, only: first.stream });
    const other = outbox.push([frame(5)], endless);
    const next = handStream();
    outbox.attach(next.stream, []);
    await expect(late).rejects.toMatchObject({ reason: 'CONNECTION_LOST' });
    await other;
    await turn();
    next.take();
    expect([first.writes, next.writes.flat()]).toEqual([[[1]], [3, 5]]);
    next.take();
    await outbox.drained();
  });
});
