import { describe, expect, test } from 'vitest';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { outboxBytesMax } from '../model/limits.ts';
import type { FrameStream, StreamEnd } from './frame-stream.ts';
import { Outbox } from './outbox.ts';

const stallMs = 1000;
const frame = (text: string): Uint8Array => Buffer.from(text);
const large = new Uint8Array(outboxBytesMax);

/** A transport that takes and answers when the test says so. */
class HeldStream implements FrameStream {
  readonly remoteAddress = 'test';
  readonly declaredExtensions = [];
  readonly gone = new AbortController().signal;
  readonly writes: (readonly Uint8Array[])[] = [];
  #taken: (() => void)[] = [];
  #answered: (() => void)[] = [];

  // oxlint-disable-next-line require-yield -- nothing is ever read here
  async *read(): AsyncGenerator<readonly Uint8Array[], StreamEnd> {
    return 'gone';
  }

  write(framed: readonly Uint8Array[], taken: () => void): void {
    if (this.#taken.length > 0) throw new Error('a write while another is under way');
    this.writes.push(framed);
    this.#taken.push(taken);
  }

  whenReceived(answered: () => void): void {
    this.#answered.push(answered);
  }

  isThere(): Promise<boolean> {
    return Promise.resolve(true);
  }

  end(): void {
    throw new Error('not ended by an outbox');
  }

  /** Takes the write under way. */
  take(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }

  /** Answers for everything asked about so far. */
  answer(): void {
    for (const answered of this.#answered.splice(0)) answered();
  }

  get questions(): number {
    return this.#answered.length;
  }

  get texts(): string[] {
    return this.writes.map((chunks) => Buffer.concat(chunks).toString());
  }
}

const open = ({ isOpen = true } = {}) => {
  const stream = new HeldStream();
  const clock = new VirtualClock();
  const metrics = new MemoryMetrics();
  const heard = { room: 0, stalled: 0, confirmed: [] as number[], mayDeliver: true };
  const outbox = new Outbox({
    stream,
    clock,
    stallMs,
    delivered: metrics.counter({ name: 'delivered', help: '', labels: [] }).at({}),
    listener: {
      onRoom: () => (heard.room += 1),
      onConfirmed: (mark) => heard.confirmed.push(mark),
      onStalled: () => (heard.stalled += 1),
      mayDeliver: () => heard.mayDeliver,
    },
  });
  if (isOpen) outbox.open(undefined);
  return { outbox, stream, clock, heard, delivered: () => metrics.read('delivered') };
};

/** Whatever is scheduled for the end of the turn has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending');
  await turn();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
};

describe('writing', () => {
  test('gathers what comes within a turn, and what comes during a write, into one write each', async () => {
    const { outbox, stream } = open();
    outbox.offer(frame('a'), 1);
    outbox.send(frame('b'));
    await turn();
    expect(stream.texts).toEqual(['ab']);
    outbox.offer(frame('c'), 1);
    outbox.offer(frame('d'), 1);
    await turn();
    expect(stream.texts).toEqual(['ab']);
    stream.take();
    expect(stream.texts).toEqual(['ab', 'cd']);
  });

  test('packs deliveries as the stream allows', async () => {
    const { outbox, stream } = open({ isOpen: false });
    outbox.open((framed) => [Buffer.concat([...framed, frame('!')])]);
    outbox.offer(frame('a'), 1);
    outbox.offer(frame('b'), 1);
    await turn();
    expect(stream.texts).toEqual(['ab!']);
  });

  test('counts the records it takes, not the frames', () => {
    const { outbox, delivered } = open();
    outbox.offer(frame('a'), 3);
    outbox.offer(frame('b'), 2);
    expect(delivered()).toBe(5);
  });
});

describe('deliveries are refused', () => {
  test('before it is open, though answers go out; opening it says that there is room', async () => {
    const { outbox, stream, heard } = open({ isOpen: false });
    expect(outbox.offer(frame('early'), 1)).toBeUndefined();
    outbox.send(frame('answer'));
    await turn();
    expect(stream.texts).toEqual(['answer']);
    outbox.open(undefined);
    expect(heard.room).toBe(1);
    expect(outbox.offer(frame('now'), 1)).toBe(1);
  });

  test('when it is full, until there is room, which is said once', async () => {
    const { outbox, stream, heard } = open();
    expect(outbox.offer(large, 1)).toBe(1);
    expect(outbox.offer(frame('x'), 1)).toBeUndefined();
    expect(outbox.room).toBeInstanceOf(Promise);
    const { room } = outbox;
    await turn();
    expect(heard.room).toBe(0);
    stream.take();
    await room;
    expect(heard.room).toBe(1);
    expect(outbox.room).toBeUndefined();
    expect(outbox.offer(frame('x'), 1)).toBe(2);
  });

  test('when the session may no longer act, though it is empty', () => {
    const { outbox, heard, delivered } = open();
    heard.mayDeliver = false;
    expect(outbox.offer(frame('x'), 1)).toBeUndefined();
    expect(delivered()).toBe(0);
  });

  test('once it is closed, as are answers; what was queued before still goes out', async () => {
    const { outbox, stream } = open();
    outbox.offer(frame('before'), 1);
    outbox.close();
    expect(outbox.offer(frame('after'), 1)).toBeUndefined();
    outbox.send(frame('answer'));
    await turn();
    stream.take();
    expect(stream.texts).toEqual(['before']);
  });

  test('an answer is taken also when it is full', async () => {
    const { outbox, stream } = open();
    outbox.offer(large, 1);
    outbox.send(frame('answer'));
    await turn();
    expect(stream.writes[0]).toHaveLength(2);
  });
});

describe('what the peer has', () => {
  test('is told by mark: one question at a time, each for all that was written before it', async () => {
    const { outbox, stream, heard } = open();
    outbox.offer(frame('a'), 1);
    await turn();
    stream.take();
    expect(stream.questions).toBe(1);
    for (const text of ['b', 'c']) {
      outbox.offer(frame(text), 1);
      await turn();
      stream.take();
    }
    expect(stream.questions).toBe(1);
    stream.answer();
    expect(heard.confirmed).toEqual([1]);
    stream.answer();
    expect(heard.confirmed).toEqual([1, 3]);
    expect(stream.questions).toBe(0);
  });

  test('is not told of what is queued or being written', async () => {
    const { outbox, stream, heard } = open();
    outbox.offer(frame('a'), 1);
    await turn();
    outbox.offer(frame('b'), 1);
    stream.answer();
    expect(heard.confirmed).toEqual([]);
    stream.take();
    stream.answer();
    expect(heard.confirmed).toEqual([1]);
  });

  test('answers need no confirmation', async () => {
    const { outbox, stream } = open();
    outbox.send(frame('answer'));
    await turn();
    stream.take();
    expect(stream.questions).toBe(0);
  });

  test('can be waited for: every delivery is answered for', async () => {
    const { outbox, stream } = open();
    await outbox.received();
    outbox.offer(frame('a'), 1);
    const received = outbox.received();
    await turn();
    stream.take();
    expect(await isSettled(received)).toBe(false);
    stream.answer();
    expect(await isSettled(received)).toBe(true);
  });
});

describe('being empty', () => {
  test('is waited for anew each time', async () => {
    const { outbox, stream } = open();
    await outbox.empty();
    for (const text of ['first', 'second']) {
      outbox.send(frame(text));
      const empty = outbox.empty();
      expect(await isSettled(empty)).toBe(false);
      stream.take();
      expect(await isSettled(empty)).toBe(true);
    }
  });
});

describe('a peer that does not read', () => {
  test('is told of when the outbox has been full for the whole time', async () => {
    const { outbox, clock, heard } = open();
    outbox.offer(large, 1);
    await clock.pass(stallMs - 1);
    expect(heard.stalled).toBe(0);
    await clock.pass(1);
    expect(heard.stalled).toBe(1);
  });

  test('but not when there was room in between', async () => {
    const { outbox, stream, clock, heard } = open();
    outbox.offer(large, 1);
    await clock.pass(stallMs - 1);
    stream.take();
    outbox.offer(large, 1);
    await clock.pass(stallMs - 1);
    expect(heard.stalled).toBe(0);
    await clock.pass(1);
    expect(heard.stalled).toBe(1);
  });

  test('nor once it is closed, which lets go of who waits for room', async () => {
    const { outbox, clock, heard } = open();
    outbox.offer(large, 1);
    const { room } = outbox;
    outbox.close();
    await room;
    await clock.pass(stallMs);
    expect(heard.stalled).toBe(0);
  });
});
