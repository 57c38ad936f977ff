import { describe, expect, test } from 'vitest';
import { Feed } from './feed.ts';

interface Item {
  readonly n: number;
}

const kept = () => new Feed<Item>({ backlog: 'kept', bytesMax: 3, sizeOf: () => 1 });
const offer = (feed: Feed<Item>, ...numbers: readonly number[]): void => {
  for (const n of numbers) feed.offer({ n });
};
const next = async (iterator: AsyncIterator<Item>): Promise<number | 'end'> => {
  const result = await iterator.next();
  return result.done === true ? 'end' : result.value.n;
};

describe('a feed', () => {
  test('keeps what comes before anybody takes it, and tells that it is full', async () => {
    const feed = kept();
    offer(feed, 1, 2);
    expect(feed.isFull()).toBe(false);
    offer(feed, 3);
    expect([feed.isFull(), feed.isFull(2), feed.bytes, feed.length]).toEqual([true, false, 3, 3]);
    const iterator = feed.iterate();
    expect(feed.hasConsumers).toBe(false);
    expect(await next(iterator)).toBe(1);
    expect([feed.isFull(), feed.hasConsumers]).toEqual([false, true]);
  });

  test('gives every consumer everything from when it joined; the slowest fills it', async () => {
    const feed = kept();
    const [quick, slow] = [feed.iterate(), feed.iterate()];
    const waiting = [next(quick), next(slow)];
    offer(feed, 1, 2, 3, 4);
    expect(await Promise.all(waiting)).toEqual([1, 1]);
    expect([await next(quick), await next(quick), await next(quick)]).toEqual([2, 3, 4]);
    expect([feed.bytes, feed.isFull()]).toEqual([3, true]);
    await slow.return?.();
    expect([feed.bytes, feed.isFull()]).toEqual([0, false]);
  });

  test('gives what the last consumer left to the next one', async () => {
    const feed = kept();
    offer(feed, 1, 2, 3);
    for await (const { n } of feed.iterate()) {
      expect(n).toBe(1);
      break;
    }
    expect(feed.length).toBe(2);
    expect(await next(feed.iterate())).toBe(2);
  });

  test('drops what nobody takes, where it is told so', async () => {
    const feed = new Feed<Item>({ backlog: 'dropped' });
    offer(feed, 1);
    const iterator = feed.iterate();
    const waiting = next(iterator);
    offer(feed, 2, 3);
    expect(await waiting).toBe(2);
    await iterator.return?.();
    expect(feed.length).toBe(0);
  });

  test('forgets the oldest for a slow consumer, where it is told so', async () => {
    const feed = new Feed<Item>({ backlog: 'dropped', newestMax: 2, first: () => ({ n: 0 }) });
    const iterator = feed.iterate();
    expect(await next(iterator)).toBe(0);
    offer(feed, 1, 2, 3);
    expect([await next(iterator), await next(iterator)]).toEqual([2, 3]);
  });

  test('tells when something was taken', async () => {
    let taken = 0;
    const feed = new Feed<Item>({ backlog: 'kept', onTaken: () => (taken += 1) });
    offer(feed, 1, 2);
    const iterator = feed.iterate();
    await next(iterator);
    await iterator.return?.();
    expect(taken).toBe(2);
  });

  test('answers several askers in their order', async () => {
    const feed = kept();
    const iterator = feed.iterate();
    const asked = [next(iterator), next(iterator), next(iterator)];
    offer(feed, 1, 2);
    feed.end();
    expect(await Promise.all(asked)).toEqual([1, 2, 'end']);
  });
});

describe('the end of a feed', () => {
  test('comes after what is there', async () => {
    const feed = kept();
    offer(feed, 1);
    feed.end();
    offer(feed, 2);
    const iterator = feed.iterate();
    expect([await next(iterator), await next(iterator), await next(iterator)]).toEqual([1, 'end', 'end']);
  });

  test('is thrown once, if it is an error', async () => {
    const feed = kept();
    const iterator = feed.iterate();
    const waiting = next(iterator);
    feed.end({ error: new Error('broken') });
    await expect(waiting).rejects.toThrow('broken');
    expect(await next(iterator)).toBe('end');
    await expect(next(feed.iterate())).rejects.toThrow('broken');
  });

  test('of one consumer leaves the others', async () => {
    const feed = kept();
    const controller = new AbortController();
    const [one, other] = [feed.iterate({ signal: controller.signal }), feed.iterate()];
    const waiting = [next(one), next(other)];
    controller.abort(new Error('enough'));
    await expect(waiting[0]).rejects.toThrow('enough');
    offer(feed, 1);
    expect(await waiting[1]).toBe(1);
    expect(await next(one)).toBe('end');
  });

  test('by return() reaches who waits', async () => {
    const feed = kept();
    const iterator = feed.iterate();
    const waiting = next(iterator);
    await iterator.return?.();
    expect(await waiting).toBe('end');
  });
});

describe('a handler', () => {
  test('is called one item after the other, until it is stopped', async () => {
    const feed = kept();
    const seen: number[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const entered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stop = feed.handle(
      async ({ n }) => {
        seen.push(n);
        entered[n]?.resolve();
        await gates[n]?.promise;
      },
      () => undefined,
    );
    offer(feed, 0, 1, 2);
    await entered[0]?.promise;
    expect(seen).toEqual([0]);
    gates[0]?.resolve();
    await entered[1]?.promise;
    stop();
    gates[1]?.resolve();
    expect(seen).toEqual([0, 1]);
    expect(feed.length).toBe(1);
  });

  test('that fails is told of, and called again', async () => {
    const feed = kept();
    const failures: unknown[] = [];
    const done = Promise.withResolvers<void>();
    feed.handle(
      ({ n }) => {
        if (n === 1) throw new Error('one');
        done.resolve();
      },
      (thrown) => failures.push(thrown),
    );
    offer(feed, 1, 2);
    await done.promise;
    expect(failures).toEqual([new Error('one')]);
  });
});
