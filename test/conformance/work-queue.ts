import { describe, expect, test } from 'vitest';
import type { WorkItem, WorkQueue } from '../../src/ports/work-queue.ts';

interface Opened extends AsyncDisposable {
  readonly queue: WorkQueue;
}

let serial = 0;
const freshTopic = (): string => `tb::conformance::${process.pid}-${(serial += 1)}-${Date.now()}`;
const push = (queue: WorkQueue, topic: string, body: string): Promise<void> => queue.push(topic, [Buffer.from(body)]);
const text = (item: WorkItem): string => Buffer.from(item.body).toString();

/** Takes `count` items and acknowledges them. */
const drain = async (items: AsyncIterator<WorkItem>, count: number): Promise<string[]> => {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await items.next();
    if (done === true) break;
    taken.push(text(value));
    value.ack();
  }
  return taken;
};

const consume = (queue: WorkQueue, topic: string, credit: number, signal: AbortSignal): AsyncIterator<WorkItem> =>
  queue.consume(topic, { credit, signal })[Symbol.asyncIterator]();

/** What every work queue does. */
export const workQueueConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`work queue: ${adapter}`, () => {
    test('what was pushed before anyone consumed is consumed in order', async () => {
      await using opened = await open();
      const topic = freshTopic();
      for (const body of ['a', 'b', 'c']) await push(opened.queue, topic, body);
      await opened.queue.push(topic, [Buffer.from('d'), Buffer.from('e')]);
      const stop = new AbortController();
      expect(await drain(consume(opened.queue, topic, 10, stop.signal), 4)).toEqual(['a', 'b', 'c', 'de']);
      stop.abort();
    });

    test('a consumer that waits gets what is pushed later', async () => {
      await using opened = await open();
      const topic = freshTopic();
      const stop = new AbortController();
      const items = consume(opened.queue, topic, 1, stop.signal);
      const first = items.next();
      await push(opened.queue, topic, 'late');
      const { value } = await first;
      expect(text(value as WorkItem)).toBe('late');
      expect((value as WorkItem).attempt).toBe(1);
      (value as WorkItem).ack();
      stop.abort();
    });

    test('an item has an id of its own, the same each time it comes', async () => {
      await using opened = await open();
      const topic = freshTopic();
      for (const body of ['same', 'same']) await push(opened.queue, topic, body);
      const stop = new AbortController();
      const items = consume(opened.queue, topic, 1, stop.signal);
      const ids: string[] = [];
      for (const end of ['release', 'ack', 'ack'] as const) {
        const { value } = (await items.next()) as { readonly value: WorkItem };
        ids.push(value.id);
        value[end]();
      }
      stop.abort();
      expect(ids[0]).toBe(ids[1]);
      expect(ids[2]).not.toBe(ids[1]);
    });

    test('each item goes to exactly one of several consumers', async () => {
      await using opened = await open();
      const topic = freshTopic();
      const stop = new AbortController();
      const taken = new Map<string, number>();
      const all = Promise.withResolvers<void>();
      const workers = Array.from({ length: 4 }, async () => {
        const counted: string[] = [];
        for await (const item of opened.queue.consume(topic, { credit: 2, signal: stop.signal })) {
          counted.push(text(item));
          taken.set(text(item), (taken.get(text(item)) ?? 0) + 1);
          item.ack();
          if (taken.size === 200) all.resolve();
        }
        return counted.length;
      });
      await Promise.all(Array.from({ length: 200 }, (_, index) => push(opened.queue, topic, `i${index}`)));
      await all.promise;
      stop.abort();
      const shares = await Promise.all(workers);
      expect([...taken.values()].every((times) => times === 1)).toBe(true);
      expect(shares.filter((share) => share > 0).length).toBeGreaterThan(1);
    });

    test('at most the credit is out at a time', async () => {
      await using opened = await open();
      const topic = freshTopic();
      for (let index = 0; index < 10; index += 1) await push(opened.queue, topic, `c${index}`);
      const stop = new AbortController();
      const items = consume(opened.queue, topic, 3, stop.signal);
      const out = [await items.next(), await items.next(), await items.next()].map(({ value }) => value as WorkItem);
      const fourth = items.next();
      const other = consume(opened.queue, topic, 10, stop.signal);
      expect(await drain(other, 7)).toEqual(['c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9']);
      await push(opened.queue, topic, 'more');
      out[0]?.ack();
      const more = await Promise.race([
        fourth.then(({ value }) => value as WorkItem),
        other.next().then(({ value }) => value as WorkItem),
      ]);
      expect(text(more)).toBe('more');
      for (const item of [...out.slice(1), more]) item.ack();
      stop.abort();
    });

    test('what is released comes again with a higher attempt', async () => {
      await using opened = await open();
      const topic = freshTopic();
      await push(opened.queue, topic, 'again');
      const stop = new AbortController();
      const items = consume(opened.queue, topic, 1, stop.signal);
      const first = (await items.next()).value as WorkItem;
      first.release();
      first.ack();
      const second = (await items.next()).value as WorkItem;
      expect(text(second)).toBe('again');
      expect(second.attempt).toBe(2);
      second.ack();
      stop.abort();
    });

    test('what a consumer leaves open when it ends goes to the next', async () => {
      await using opened = await open();
      const topic = freshTopic();
      for (const body of ['x', 'y']) await push(opened.queue, topic, body);
      const first = new AbortController();
      const items = consume(opened.queue, topic, 5, first.signal);
      const left = [await items.next(), await items.next()].map(({ value }) => value as WorkItem);
      first.abort();
      expect((await items.next()).done).toBe(true);
      for (const item of left) item.release();
      const second = new AbortController();
      const next = consume(opened.queue, topic, 5, second.signal);
      expect((await drain(next, 2)).toSorted()).toEqual(['x', 'y']);
      await push(opened.queue, topic, 'z');
      expect(await drain(next, 1)).toEqual(['z']);
      second.abort();
    });

    test('topics do not see each other and bodies may be empty or large', async () => {
      await using opened = await open();
      const [one, two] = [freshTopic(), freshTopic()];
      const large = 'z'.repeat(1024 * 1024 + 500);
      await push(opened.queue, one, '');
      await push(opened.queue, two, large);
      const stop = new AbortController();
      expect(await drain(consume(opened.queue, two, 1, stop.signal), 1)).toEqual([large]);
      expect(await drain(consume(opened.queue, one, 1, stop.signal), 1)).toEqual(['']);
      stop.abort();
    });
  });
};
