import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Authorizer, type PublishPermit } from '../acl/authorizer.ts';
import { MemoryCursorStore } from '../adapters/memory/memory-cursor-store.ts';
import { MemoryDeadLetterStore } from '../adapters/memory/memory-dead-letter-store.ts';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { MemoryReceiptStore } from '../adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../adapters/memory/memory-topic-index.ts';
import { MemoryWorkQueue } from '../adapters/memory/memory-work-queue.ts';
import { memoryWriter } from '../adapters/memory/memory-writer.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { FabricError } from '../model/error.ts';
import { stepOf } from '../model/receipt.ts';
import { topic } from '../model/topic.ts';
import { Receipts } from '../receipts/receipts.ts';
import type { Tracked } from './batch-format.ts';
import type { Recipient } from './recipient.ts';
import { Router } from './router.ts';

const own = 'ag::w::i::s';
const settings = { timeoutMs: 30_000, attemptsMax: 3, outstandingMax: 4, outstandingBytesMax: 1024 * 1024 };

const framed = (text: string): Uint8Array => {
  const frame = Buffer.alloc(5 + Buffer.byteLength(text));
  frame.writeUInt32BE(Buffer.byteLength(text), 1);
  frame.write(text, 5);
  return frame;
};

interface Seen {
  readonly text: string;
  readonly id: number;
  readonly attempt: number;
}

const opened: { readonly router: Router; readonly receipts: Receipts; readonly clock: VirtualClock }[] = [];
afterEach(async () => {
  for (const { router, receipts, clock } of opened.splice(0)) {
    const closed = router[Symbol.asyncDispose]().then(() => receipts[Symbol.asyncDispose]());
    await clock.pass(20_000);
    await closed;
  }
});

const openStores = (clock: VirtualClock) => ({
  clock,
  messageLog: new MemoryMessageLog({ partitions: 1, spread: 1 }),
  cursorStore: new MemoryCursorStore(),
  topicIndex: new MemoryTopicIndex(),
  workQueue: new MemoryWorkQueue(),
  receiptStore: new MemoryReceiptStore({ clock, retentionMs: 86_400_000 }),
  deadLetterStore: new MemoryDeadLetterStore(),
  hints: new MemoryHints(),
});

let epochs = 0n;

/** A session of a recipient that acknowledges; `confirm` is its transport's answer for all there is. */
const openSession = async (stores: ReturnType<typeof openStores>) => {
  const deps = { ...stores, metrics: new MemoryMetrics(), log: new MemoryLog() };
  const receipts = await Receipts.open(deps);
  const router = new Router({ ...deps, receipts, writers: { writer: memoryWriter() } });
  opened.push({ router, receipts, clock: stores.clock });
  const seen: Seen[] = [];
  let mark = 0;
  const inbox = { offer: (): number => (mark += 1) };
  const recipient: Recipient = await router.open({
    identity: own,
    topic: own,
    epoch: (epochs += 1n),
    inbox,
    onFenced: () => undefined,
    acks: {
      settings,
      annotate: (frame, { deliveryId, attempt }) => {
        seen.push({ text: Buffer.from(frame.subarray(5)).toString(), id: deliveryId, attempt });
        return frame;
      },
    },
  });
  await router.subscribe(recipient, topic(own), 'durable');
  await stores.clock.pass(1);
  return {
    seen,
    router,
    receipts,
    recipient,
    confirm: () => recipient.confirmed(mark),
    answer: (acked: number[], nacked: number[] = [], redeliverAfterMs = 0) =>
      recipient.acks?.settle({ acked, nacked: nacked.map((deliveryId) => ({ deliveryId, redeliverAfterMs })) }),
    close: async (why: { readonly excused?: boolean } = {}) => {
      const closed = router.close(recipient, why);
      await stores.clock.pass(100);
      await closed;
    },
  };
};

const permit = async (): Promise<PublishPermit> => {
  const principal = { kind: 'service', implementation: 'test', specifier: '1' } as const;
  const access = { action: 'send', addressed: topic(own), topic: topic(own) } as const;
  const verdict = await new Authorizer().permit({ principal, workspace: undefined }, access);
  if ('denial' in verdict) throw new Error(verdict.denial.because);
  return verdict.permit;
};

const publish = async (router: Router, clock: VirtualClock, texts: readonly string[], tracked?: Tracked) => {
  const allowed = await permit();
  for (const text of texts)
    router.publish(allowed, { frame: framed(text), sender: { source: 'sv::test::1', epoch: 1n }, tracked });
  await clock.pass(1);
};

const attempts = (seen: readonly Seen[]): string[] => seen.map(({ text, attempt }) => `${text}${attempt}`);

describe('a delivery without an answer', () => {
  test('comes again when its time is over, counted from when the transport had it, and is buried at last', async () => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    const session = await openSession(stores);
    const tracked = { owner: 'sv::test::1', id: 'p', expiresAtMs: 0, isPossibleDuplicate: false };
    await publish(session.router, clock, ['a'], tracked);
    await clock.pass(60_000);
    expect(attempts(session.seen)).toEqual(['a1']);
    for (const attempt of [1, 2, 3]) {
      session.confirm();
      await clock.pass(29_999);
      expect(attempts(session.seen)).toHaveLength(attempt);
      await clock.pass(1);
    }
    expect(attempts(session.seen)).toEqual(['a1', 'a2', 'a3']);
    const { letters } = await stores.deadLetterStore.list('', '', 10);
    expect(letters).toMatchObject([{ topic: own, attempts: 3, reason: 'not acknowledged in time', messageId: 'p' }]);
    await clock.pass(10);
    expect(await session.receipts.get('sv::test::1', ['p'])).toMatchObject([{ state: 'dead_lettered' }]);
    await session.close();
    expect(await stores.cursorStore.open(own, 1000n)).toEqual(new Map([[own, { offset: 1n, index: 0 }]]));
  });

  test('that expires in between does not come again, and its sender hears of it', async () => {
    const clock = new VirtualClock();
    const session = await openSession(openStores(clock));
    const expiresAtMs = clock.now() + 10_000;
    const tracked = { owner: 'sv::test::1', id: 'e', expiresAtMs, isPossibleDuplicate: false };
    await publish(session.router, clock, ['a'], tracked);
    session.confirm();
    await clock.pass(31_000);
    expect(attempts(session.seen)).toEqual(['a1']);
    expect(await session.receipts.get('sv::test::1', ['e'])).toMatchObject([{ state: 'expired' }]);
  });

  test('waits as long as its recipient asks, and holds nobody up', async () => {
    const clock = new VirtualClock();
    const session = await openSession(openStores(clock));
    await publish(session.router, clock, ['a', 'b']);
    session.confirm();
    session.answer([], [session.seen[0]?.id ?? 0], 5000);
    await publish(session.router, clock, ['c']);
    await clock.pass(4990);
    expect(attempts(session.seen)).toEqual(['a1', 'b1', 'c1']);
    await clock.pass(20);
    expect(attempts(session.seen)).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  test('uses no attempt up where the transport never had it', async () => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    for (let round = 0; round < 5; round += 1) {
      const session = await openSession(stores);
      if (round === 0) await publish(session.router, clock, ['a']);
      expect(attempts(session.seen)).toEqual(['a1']);
      await session.close();
    }
  });

  test('uses no attempt up where the gateway ends the stream', async () => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    for (let round = 0; round < 5; round += 1) {
      const session = await openSession(stores);
      if (round === 0) await publish(session.router, clock, ['a']);
      expect(attempts(session.seen)).toEqual(['a1']);
      session.confirm();
      await session.close({ excused: true });
    }
  });

  test('leaves room for no more than the bound, and what is over it comes as answers do', async () => {
    const clock = new VirtualClock();
    const session = await openSession(openStores(clock));
    await publish(session.router, clock, ['a', 'b', 'c', 'd', 'e', 'f']);
    expect(attempts(session.seen)).toEqual(['a1', 'b1', 'c1', 'd1']);
    expect(session.answer([2, 99])).toEqual([99]);
    await clock.pass(1);
    expect(attempts(session.seen)).toEqual(['a1', 'b1', 'c1', 'd1', 'e1']);
    expect(session.answer([2])).toEqual([2]);
  });
});

describe('a stream that is lost', () => {
  const letters = async (stores: ReturnType<typeof openStores>) =>
    (await stores.deadLetterStore.list('', '', 10)).letters.map(({ frame, attempts: used }) => [
      Buffer.from(frame.subarray(5)).toString(),
      used,
    ]);

  test('costs one that was out alone an attempt each time', async () => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    for (let round = 0; round < 4; round += 1) {
      const session = await openSession(stores);
      if (round === 0) await publish(session.router, clock, ['a']);
      expect(attempts(session.seen)).toEqual(round < 3 ? [`a${round + 1}`] : []);
      session.confirm();
      await session.close();
    }
    expect(await letters(stores)).toEqual([['a', 3]]);
  });

  test('costs several nothing, and from the second time on each goes out alone', async () => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    for (let round = 0; round < 2; round += 1) {
      const session = await openSession(stores);
      if (round === 0) await publish(session.router, clock, ['a', 'b', 'c']);
      expect(attempts(session.seen)).toEqual([`a${round + 1}`, `b${round + 1}`, `c${round + 1}`]);
      session.confirm();
      await session.close();
    }
    const session = await openSession(stores);
    await publish(session.router, clock, ['d']);
    for (const seen of [['a3'], ['a3', 'b3'], ['a3', 'b3', 'c3'], ['a3', 'b3', 'c3', 'd1']]) {
      expect(attempts(session.seen)).toEqual(seen);
      session.answer([session.seen.length]);
      await clock.pass(1);
    }
    await session.close();
    expect(await letters(stores)).toEqual([]);
  });

  test('with its gateway costs nobody anything the first times, whether one is out or several', async () => {
    for (const texts of [['a'], ['a', 'b', 'c']]) {
      const clock = new VirtualClock();
      const stores = openStores(clock);
      for (let round = 0; round < 2; round += 1) {
        const session = await openSession(stores);
        if (round === 0) await publish(session.router, clock, texts);
        session.confirm();
        // Its place is stored, and then nothing is heard of the gateway any more.
        await clock.pass(100);
      }
      const session = await openSession(stores);
      for (const text of texts) {
        expect(attempts(session.seen).at(-1)).toBe(`${text}3`);
        session.answer([], [session.seen.at(-1)?.id ?? 0]);
        await clock.pass(1);
        expect(attempts(session.seen).at(-1)).toBe(`${text}4`);
        session.answer([session.seen.at(-1)?.id ?? 0]);
        await clock.pass(1);
      }
      expect(await letters(stores)).toEqual([]);
    }
  });

  /** Takes what comes until the poison does; answers with what it was done with. */
  const takeUntilPoison = async (
    session: Awaited<ReturnType<typeof openSession>>,
    clock: VirtualClock,
    isConfirmed: boolean,
  ): Promise<readonly string[]> => {
    const done: string[] = [];
    for (let one = session.seen[0]; one !== undefined; one = session.seen[done.length]) {
      if (isConfirmed) session.confirm();
      if (one.text === 'poison') break;
      session.answer([one.id]);
      done.push(one.text);
      await clock.pass(1);
    }
    return done;
  };

  test.each([
    // Two losses with the others, then each alone is an attempt; or eight unseen, of which the first is no fall.
    { isConfirmed: true, falls: 2 + 3 },
    { isConfirmed: false, falls: 7 + 3 },
  ])('by a message that brings its recipient down puts this one to the dead letters: $isConfirmed', async (one) => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    const first = await openSession(stores);
    await publish(first.router, clock, ['a', 'poison', 'b', 'c']);
    await first.close();
    const done = new Set<string>();
    let falls = 0;
    while ((await letters(stores)).length === 0) {
      const session = await openSession(stores);
      for (const text of await takeUntilPoison(session, clock, one.isConfirmed)) done.add(text);
      if (session.seen.some(({ text }) => text === 'poison')) falls += 1;
      await clock.pass(50);
      await session.close();
    }
    const last = await openSession(stores);
    for (const text of await takeUntilPoison(last, clock, one.isConfirmed)) done.add(text);
    await last.close();
    expect([...done].toSorted()).toEqual(['a', 'b', 'c']);
    expect(falls).toBe(one.falls);
    expect(await letters(stores)).toEqual([['poison', 3]]);
  });
});

test('a delivery whose attempts are over is not delivered any more once its letter may be there', async () => {
  const clock = new VirtualClock();
  const stores = openStores(clock);
  const session = await openSession(stores);
  await publish(session.router, clock, ['a']);
  const buried = Promise.withResolvers<void>();
  const { deadLetterStore } = stores;
  const add = deadLetterStore.add.bind(deadLetterStore);
  deadLetterStore.add = async (added) => {
    await add(added);
    buried.resolve();
    // The gateway is killed before it hears that the letter is there.
    return new Promise(() => undefined);
  };
  for (const number of [1, 2, 3]) {
    session.confirm();
    session.answer([], [1]);
    expect(attempts(session.seen)).toHaveLength(Math.min(3, number));
    await clock.pass(1);
  }
  await buried.promise;
  deadLetterStore.add = add;
  const next = await openSession(stores);
  await clock.pass(100);
  expect(attempts(next.seen)).toEqual([]);
  expect((await deadLetterStore.list('', '', 10)).letters).toHaveLength(1);
  await next.close();
  expect(await stores.cursorStore.open(own, 1000n)).toEqual(new Map([[own, { offset: 1n, index: 0 }]]));
});

test('a marked record comes again until its recipient is done with it, and its copy does not', async () => {
  const clock = new VirtualClock();
  const stores = openStores(clock);
  const marked: Tracked = { owner: 'sv::test::1', id: 'x', expiresAtMs: 0, isPossibleDuplicate: true };
  const first = await openSession(stores);
  // What came before it never reached the log, as nobody could know.
  await publish(first.router, clock, ['only copy'], marked);
  first.confirm();
  await clock.pass(100);
  expect(await first.receipts.get('sv::test::1', ['x'])).toMatchObject([{ state: 'delivered' }]);
  await first.close();
  const second = await openSession(stores);
  expect(attempts(second.seen)).toEqual(['only copy2']);
  second.confirm();
  await clock.pass(100);
  await publish(second.router, clock, ['another'], marked);
  await clock.pass(100);
  second.answer([1]);
  await publish(second.router, clock, ['a third'], marked);
  await clock.pass(100);
  expect(attempts(second.seen)).toEqual(['only copy2']);
  await second.close();
  expect(await stores.cursorStore.open(own, 1000n)).toEqual(new Map([[own, { offset: 3n, index: 0 }]]));
});

test('what was tried and expired while its recipient was away is not kept with its place', async () => {
  const clock = new VirtualClock();
  const stores = openStores(clock);
  const tracked = (id: string) => ({
    owner: 'sv::test::1',
    id,
    expiresAtMs: clock.now() + 10_000,
    isPossibleDuplicate: false,
  });
  const first = await openSession(stores);
  await publish(first.router, clock, ['a'], tracked('a'));
  await publish(first.router, clock, ['b'], tracked('b'));
  await publish(first.router, clock, ['c']);
  first.confirm();
  first.answer([3]);
  await first.close();
  await clock.pass(10_000);
  const second = await openSession(stores);
  await publish(second.router, clock, ['d']);
  expect(attempts(second.seen)).toEqual(['d1']);
  second.confirm();
  await clock.pass(100);
  expect(await second.receipts.get('sv::test::1', ['a', 'b'])).toMatchObject([
    { state: 'expired' },
    { state: 'expired' },
  ]);
  await second.close();
  const last = await stores.cursorStore.open(own, 1000n);
  expect(last?.get(own)).toEqual({
    offset: 3n,
    index: 0,
    ahead: [{ offset: 3n, index: 0, attempts: 1, losses: 0, unseen: 0 }],
  });
});

test('a marked record is passed over where it was delivered before, and only there', async () => {
  const clock = new VirtualClock();
  const session = await openSession(openStores(clock));
  const named = (id: string, isPossibleDuplicate: boolean): Tracked => ({
    owner: 'sv::test::1',
    id,
    expiresAtMs: 0,
    isPossibleDuplicate,
  });
  await publish(session.router, clock, ['first'], named('x', false));
  await publish(session.router, clock, ['copy'], named('x', true));
  session.confirm();
  session.answer([session.seen[0]?.id ?? 0]);
  await clock.pass(50);
  await publish(session.router, clock, ['late copy'], named('x', true));
  await publish(session.router, clock, ['never seen'], named('y', true));
  await clock.pass(50);
  expect(attempts(session.seen)).toEqual(['first1', 'never seen1']);
});

test('whatever the order of answers and sessions: all is done once it is said to be, and nothing else is', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('ack' as const), which: fc.nat(5) }),
    fc.record({ do: fc.constant('confirm' as const) }),
    fc.record({ do: fc.constant('reconnect' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const clock = new VirtualClock();
      const stores = openStores(clock);
      let session = await openSession(stores);
      const done = new Set<string>();
      let published = 0;
      const takeNew = (from: number): void => {
        for (const { text } of session.seen.slice(from)) expect(done.has(text), `${text} came again`).toBe(false);
      };
      let looked = 0;
      for (const one of steps) {
        if (one.do === 'publish') {
          const texts = Array.from({ length: one.count }, (_, index) => `m${published + index}`);
          published += one.count;
          await publish(session.router, clock, texts);
        } else if (one.do === 'ack') {
          const open = session.seen.filter(({ text }) => !done.has(text));
          const chosen = open[one.which];
          if (chosen !== undefined && session.answer([chosen.id])?.length === 0) done.add(chosen.text);
        } else if (one.do === 'confirm') session.confirm();
        else {
          await session.close();
          session = await openSession(stores);
          looked = 0;
        }
        await clock.pass(1);
        takeNew(looked);
        looked = session.seen.length;
      }
      for (let rounds = 0; rounds < 100 && done.size < published; rounds += 1) {
        const ids = session.seen.filter(({ text }) => !done.has(text));
        session.answer(ids.map(({ id }) => id));
        for (const { text } of ids) done.add(text);
        await clock.pass(1);
      }
      const { letters } = await stores.deadLetterStore.list('', '', 1000);
      expect(done.size + letters.length).toBe(published);
    }),
    { numRuns: 60 },
  );
});

test('what was acknowledged on a stream that was lost before its place was stored is not buried', async () => {
  const clock = new VirtualClock();
  const stores = openStores(clock);
  const tracked = { owner: 'sv::test::1', id: 'p', expiresAtMs: 0, isPossibleDuplicate: false };
  const first = await openSession(stores);
  await publish(first.router, clock, ['a'], tracked);
  for (const attempt of [1, 2]) {
    first.confirm();
    first.answer([], [1]);
    await clock.pass(1);
    expect(first.seen).toHaveLength(attempt + 1);
  }
  await first.close({ excused: true });
  await stores.receiptStore.advance([
    stepOf(tracked.owner, { id: tracked.id, state: 'acked', atMs: clock.now(), reason: '' }),
  ]);
  const second = await openSession(stores);
  second.confirm();
  second.answer(
    [],
    second.seen.map(({ id }) => id),
  );
  await clock.pass(1);
  expect((await stores.deadLetterStore.list('', '', 10)).letters).toEqual([]);
  expect(await second.receipts.get(tracked.owner, ['p'])).toMatchObject([{ state: 'acked' }]);
  await second.close();
  const third = await openSession(stores);
  expect(third.seen).toEqual([]);
});

test.each(['the same gateway', 'the next one'])(
  'a letter that may be there is not taken back by %s for a late acknowledgement',
  async (who) => {
    const clock = new VirtualClock();
    const stores = openStores(clock);
    const tracked = { owner: 'sv::test::1', id: 'p', expiresAtMs: 0, isPossibleDuplicate: false };
    const first = await openSession(stores);
    await publish(first.router, clock, ['a'], tracked);
    const { deadLetterStore } = stores;
    const add = deadLetterStore.add.bind(deadLetterStore);
    deadLetterStore.add = async (added) => {
      await add(added);
      deadLetterStore.add = add;
      await stores.receiptStore.advance([stepOf('sv::test::1', { id: 'p', state: 'acked', atMs: 1, reason: '' })]);
      throw new FabricError('STORE_UNAVAILABLE', 'the answer was lost');
    };
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      first.confirm();
      first.answer([], [1]);
      await clock.pass(1);
    }
    if (who === 'the next one') {
      await first.close();
      await openSession(stores);
    }
    await clock.pass(5000);
    expect((await deadLetterStore.list('', '', 10)).letters).toMatchObject([{ messageId: 'p' }]);
    expect(await stores.receiptStore.get('sv::test::1', ['p'])).toMatchObject([{ state: 'dead_lettered' }]);
  },
);

test('a refusal that comes when its attempt has run out is not one of the next attempt, an acknowledgement counts', async () => {
  const clock = new VirtualClock();
  const stores = openStores(clock);
  const session = await openSession(stores);
  await publish(session.router, clock, ['a', 'b']);
  session.confirm();
  await clock.pass(30_000);
  const [a1, b1, a2, b2] = session.seen.map(({ id }) => id);
  expect(new Set([a1, b1, a2, b2]).size).toBe(4);
  expect(session.answer([], [a1 ?? 0, b1 ?? 0])).toEqual([]);
  expect(attempts(session.seen)).toEqual(['a1', 'b1', 'a2', 'b2']);
  session.confirm();
  expect(session.answer([a2 ?? 0, b1 ?? 0])).toEqual([]);
  await clock.pass(60_000);
  expect(attempts(session.seen)).toEqual(['a1', 'b1', 'a2', 'b2']);
  expect(session.answer([b2 ?? 0])).toEqual([b2]);
  await session.close();
  expect((await openSession(stores)).seen).toEqual([]);
});
