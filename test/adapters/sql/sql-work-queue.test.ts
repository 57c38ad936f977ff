import { expect, test, vi } from 'vitest';
import type { SqlDatabase } from '../../../src/adapters/sql/sql-database.ts';
import {
  defaultWorkQueueOptions,
  SqlWorkQueue,
  type WorkQueueOptions,
} from '../../../src/adapters/sql/sql-work-queue.ts';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { WorkItem, WorkQueue } from '../../../src/ports/work-queue.ts';
import { TcpProxy } from '../rabbitmq/tcp-proxy.ts';
import { onEachDialect, onPostgres, onSqlite } from './dialects.ts';
import { HandClock } from './hand-clock.ts';
import { openAt } from './open-at.ts';
import { Program } from './program.ts';
import { silentLog } from './silent-log.ts';

const topic = 'tb::w::impl';

const openQueue = (
  database: SqlDatabase,
  options: Partial<WorkQueueOptions> = {},
  clock: Clock = systemClock,
): Promise<SqlWorkQueue> =>
  SqlWorkQueue.open({ ...defaultWorkQueueOptions, ...options }, { database, clock, log: silentLog });

const push = (queue: WorkQueue, body: string): Promise<void> => queue.push(topic, [Buffer.from(body)]);
const consume = (queue: WorkQueue, signal: AbortSignal, credit = 100): AsyncIterator<WorkItem> =>
  queue.consume(topic, { credit, signal })[Symbol.asyncIterator]();

const next = async (items: AsyncIterator<WorkItem>): Promise<WorkItem> => {
  const { value, done } = await items.next();
  if (done === true) throw new Error('no more items');
  return value;
};

const textOf = ({ body, attempt }: WorkItem): string => `${Buffer.from(body).toString()} ${attempt}`;

onEachDialect((create) => {
  test('what is claimed by a process that is killed comes again, to whoever is there', async () => {
    await using store = await create();
    {
      await using database = await store.open();
      await using queue = await openQueue(database);
      for (const body of ['a', 'b', 'c']) await push(queue, body);
    }
    {
      await using claimant = new Program('claim', [store.address, topic, '400']);
      await claimant.printed(/^c 1$/);
      expect(claimant.lines).toEqual(['a 1', 'b 1', 'c 1']);
      await claimant.kill();
    }
    await using database = await store.open();
    await using queue = await openQueue(database, { claimTtlMs: 400, pollEveryMs: 50 });
    const stop = new AbortController();
    const items = consume(queue, stop.signal);
    const again = [await next(items), await next(items), await next(items)];
    expect(again.map(textOf)).toEqual(['a 2', 'b 2', 'c 2']);
    for (const item of again) item.ack();
    stop.abort();
  });

  test('what was accepted is there after the process is killed', async () => {
    await using store = await create();
    await using pusher = new Program('push', [store.address, topic]);
    await pusher.printed(/^100$/);
    await pusher.kill();
    await using database = await store.open();
    await using queue = await openQueue(database);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const item of queue.consume(topic, { credit: 50, signal: stop.signal })) {
      seen.push(Buffer.from(item.body).toString());
      item.ack();
      if (pusher.lines.every((line) => seen.includes(line))) break;
    }
    expect(seen.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, number) => String(number)));
  });

  test('whoever waits is handed everything when many wait on many topics', async () => {
    await using store = await create();
    await using database = await store.open();
    await using queue = await openQueue(database);
    const stop = new AbortController();
    const topics = Array.from({ length: 50 }, (_, index) => `tb::w::${index}`);
    const consumed = topics.map(async (name) => {
      let count = 0;
      for await (const item of queue.consume(name, { credit: 3, signal: stop.signal })) {
        item.ack();
        count += 1;
        if (count === 40) break;
      }
    });
    await Promise.all(
      Array.from({ length: 2000 }, (_, index) => queue.push(topics[index % 50] ?? '', [Buffer.from('x')])),
    );
    await Promise.all(consumed);
  });

  test('closing gives back what is open, at once', async () => {
    await using store = await create();
    await using database = await store.open();
    const { signal } = new AbortController();
    {
      await using queue = await openQueue(database);
      await push(queue, 'open');
      await next(consume(queue, signal));
    }
    await using queue = await openQueue(database);
    expect(textOf(await next(consume(queue, signal)))).toBe('open 2');
  });

  test('an aborted consumer gives back what it has even if nobody asks it any more', async () => {
    await using store = await create();
    await using database = await store.open();
    await using queue = await openQueue(database);
    await push(queue, 'x');
    const first = new AbortController();
    const item = await next(consume(queue, first.signal));
    first.abort();
    item.ack();
    const second = new AbortController();
    expect(textOf(await next(consume(queue, second.signal)))).toBe('x 2');
    second.abort();
  });
});

onPostgres((create) => {
  test('work pushed by one gateway reaches a consumer of another', async () => {
    await using store = await create();
    await using one = await store.open();
    await using two = await store.open();
    await using pushing = await openQueue(one);
    await using consuming = await openQueue(two, { pollEveryMs: 20 });
    const stop = new AbortController();
    const items = consume(consuming, stop.signal);
    const first = next(items);
    await push(pushing, 'from afar');
    expect(textOf(await first)).toBe('from afar 1');
    stop.abort();
  });

  test('gateways that compete never hand out an item twice', async () => {
    await using store = await create();
    const databases = await Promise.all([store.open(), store.open(), store.open()]);
    const queues = await Promise.all(databases.map((database) => openQueue(database, { pollEveryMs: 20 })));
    const stop = new AbortController();
    const seen: string[] = [];
    const all = Promise.withResolvers<void>();
    const consumers = queues.map(async (queue) => {
      for await (const item of queue.consume(topic, { credit: 5, signal: stop.signal })) {
        seen.push(textOf(item));
        item.ack();
        if (seen.length === 600) all.resolve();
      }
    });
    await Promise.all(Array.from({ length: 600 }, (_, index) => push(queues[index % 3] ?? none(), String(index))));
    await all.promise;
    stop.abort();
    await Promise.all(consumers);
    expect(new Set(seen).size).toBe(600);
    for (const resource of [...queues, ...databases]) await resource[Symbol.asyncDispose]();
  });

  test('a claim that ran out can neither be completed, released nor renewed', async () => {
    await using store = await create();
    await using one = await store.open();
    await using two = await store.open();
    const halted = new HandClock();
    await using slow = await openQueue(one, { claimTtlMs: 100 }, halted);
    await using quick = await openQueue(two, { pollEveryMs: 20 });
    await push(slow, 'x');
    const { signal } = new AbortController();
    const stale = await next(consume(slow, signal));
    const stop = new AbortController();
    expect(textOf(await next(consume(quick, stop.signal)))).toBe('x 2');
    stale.ack();
    halted.advance(50);
    await slow[Symbol.asyncDispose]();
    stop.abort();
    const last = new AbortController();
    expect(textOf(await next(consume(quick, last.signal)))).toBe('x 3');
    last.abort();
  });

  test('a claim is renewed while its consumer lives', async () => {
    await using store = await create();
    await using one = await store.open();
    await using two = await store.open();
    await using holding = await openQueue(one, { claimTtlMs: 300 });
    await using waiting = await openQueue(two, { claimTtlMs: 300, pollEveryMs: 20 });
    await push(holding, 'held');
    const holder = new AbortController();
    const stop = new AbortController();
    await next(consume(holding, holder.signal));
    const other = next(consume(waiting, stop.signal));
    const early = await Promise.race([other, new Promise((resolve) => setTimeout(resolve, 1000))]);
    expect(early).toBeUndefined();
    holder.abort();
    expect(textOf(await other)).toBe('held 2');
    stop.abort();
  });

  test('an outage is told to consumers, and what was completed in it is stored after it', async () => {
    await using store = await create();
    const address = new URL(store.address);
    await using proxy = await TcpProxy.open({ host: address.hostname, port: Number(address.port) });
    address.host = `127.0.0.1:${proxy.port}`;
    await using database = await openAt(address.href);
    await using queue = await openQueue(database, { pollEveryMs: 20 });
    const { signal } = new AbortController();
    const items = consume(queue, signal, 2);
    await push(queue, 'completed');
    await push(queue, 'open');
    const completed = await next(items);
    await next(items);
    proxy.isDown = true;
    proxy.cut();
    completed.ack();
    const unavailable = { reason: 'STORE_UNAVAILABLE', retryable: true };
    await expect(push(queue, 'refused')).rejects.toMatchObject(unavailable);
    await expect(items.next()).rejects.toMatchObject(unavailable);
    proxy.isDown = false;
    const again = consume(queue, signal);
    expect(textOf(await next(again))).toBe('open 2');
    await vi.waitFor(async () => expect(await bodies(database)).toEqual(['open']), 5000);
  });
});

const bodies = async ({ queries }: SqlDatabase): Promise<readonly string[]> =>
  (await queries.selectFrom('aether_work_item').select('body').execute()).map(({ body }) =>
    Buffer.from(body).toString(),
  );

onSqlite((create) => {
  test('the claims of a former process end when the next one starts', async () => {
    await using store = await create();
    {
      await using database = await store.open();
      await using queue = await openQueue(database);
      await push(queue, 'x');
    }
    {
      await using claimant = new Program('claim', [store.address, topic, '3600000']);
      await claimant.printed(/^x 1$/);
    }
    await using database = await store.open();
    await using queue = await openQueue(database);
    const { signal } = new AbortController();
    expect(textOf(await next(consume(queue, signal)))).toBe('x 2');
  });
});

const none = (): never => {
  throw new Error('no queue');
};
