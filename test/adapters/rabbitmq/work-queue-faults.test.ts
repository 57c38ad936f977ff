/** Competing work when queues come late or vanish, and when the network between us and the broker fails. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect } from 'amqplib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RabbitWorkQueueSettings } from '../../../src/adapters/rabbitmq/rabbit-work-queue.ts';
import { parseAmqpAddress } from '../../../src/adapters/rabbitmq/work/amqp-address.ts';
import { queueOfTopic } from '../../../src/adapters/rabbitmq/work/work-objects.ts';
import type { WorkItem, WorkQueue } from '../../../src/ports/work-queue.ts';
import { rabbitAddresses } from './addresses.ts';
import { deleteWork, openTestQueue, type TestWorkQueue, testWorkSettings } from './opening.ts';
import { TcpProxy } from './tcp-proxy.ts';

const text = ({ body }: WorkItem): string => Buffer.from(body).toString();
const push = (queue: WorkQueue, topic: string, body: string): Promise<void> => queue.push(topic, [Buffer.from(body)]);

/** What escaped while a test ran: an error that nobody caught would end the process. */
let escaped: unknown[] = [];
const onEscape = (reason: unknown): void => void escaped.push(reason);

beforeEach(() => {
  escaped = [];
  process.on('uncaughtException', onEscape);
  process.on('unhandledRejection', onEscape);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', onEscape);
  process.off('unhandledRejection', onEscape);
  if (escaped.length > 0) throw new AggregateError(escaped, 'errors that nobody caught');
});

interface Opened extends AsyncDisposable {
  /** Of one gateway, through the proxy. */
  readonly near: TestWorkQueue;
  /** Of another, straight to the broker. */
  readonly far: TestWorkQueue;
  readonly proxy: TcpProxy;
  readonly settings: RabbitWorkQueueSettings;
}

const open = async (url: string, over: Partial<RabbitWorkQueueSettings> = {}): Promise<Opened> => {
  const address = parseAmqpAddress(url);
  const proxy = await TcpProxy.open({ host: address.hostname, port: address.port });
  const settings = testWorkSettings(url, { connectTimeoutMs: 2000, requestTimeoutMs: 2000, ...over });
  const near = openTestQueue({ ...settings, addresses: [{ ...address, port: proxy.port }] });
  const far = openTestQueue(settings);
  const dispose = async (): Promise<void> => {
    await Promise.all([near[Symbol.asyncDispose](), far[Symbol.asyncDispose]()]);
    await proxy[Symbol.asyncDispose]();
    await deleteWork(url, settings.prefix, [...near.topics, ...far.topics]);
  };
  return { near, far, proxy, settings, [Symbol.asyncDispose]: dispose };
};

/** Consumes as a worker does: again after each failure. */
const worker = (queue: WorkQueue, topic: string, { count }: { readonly count: number }) => {
  const stop = new AbortController();
  const bodies: string[] = [];
  const failures: unknown[] = [];
  const consume = async (): Promise<void> => {
    for await (const item of queue.consume(topic, { credit: 4, signal: stop.signal })) {
      bodies.push(text(item));
      item.ack();
      if (new Set(bodies).size === count) stop.abort();
    }
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await consume().catch((reason: unknown) => failures.push(reason));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { bodies, failures, stop, done: run() };
};

const isThere = async (url: string, queue: string): Promise<boolean> => {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const found = await channel.checkQueue(queue).then(
    () => true,
    () => false,
  );
  await connection.close();
  return found;
};

describe.skipIf(rabbitAddresses === undefined)('rabbitmq work queue', () => {
  const { amqp: url = '' } = rabbitAddresses ?? {};

  test('workers of topics nobody has pushed to leave no queue', async () => {
    await using opened = await open(url);
    const topics = Array.from({ length: 200 }, (_, index) => `tb::quiet::${index}`);
    const workers = topics.map((topic) => worker(opened.near, topic, { count: 1 }));
    // One whose queue comes, behind all of them, shows that the others have been looked for.
    const last = worker(opened.near, 'tb::busy', { count: 1 });
    await push(opened.far, 'tb::busy', 'x');
    await last.done;
    for (const topic of topics.slice(0, 3))
      expect(await isThere(url, queueOfTopic(opened.settings.prefix, topic))).toBe(false);
    for (const { stop } of workers) stop.abort();
    await Promise.all(workers.map(({ done }) => done));
    expect(workers.flatMap(({ failures }) => failures)).toEqual([]);
  });

  test('a push at one gateway reaches a worker that waits at another', async () => {
    await using opened = await open(url);
    const waiting = worker(opened.near, 'tb::later', { count: 3 });
    for (const body of ['a', 'b', 'c']) await push(opened.far, 'tb::later', body);
    await waiting.done;
    expect(waiting.bodies).toEqual(['a', 'b', 'c']);
  });

  test('many pushes to many new topics at once all arrive', async () => {
    await using opened = await open(url);
    const topics = Array.from({ length: 20 }, (_, index) => `tb::many::${index}`);
    const workers = topics.map((topic) => worker(opened.near, topic, { count: 10 }));
    const pushes = topics.flatMap((topic) =>
      Array.from({ length: 10 }, (_, index) => push(index % 2 === 0 ? opened.near : opened.far, topic, `${index}`)),
    );
    await Promise.all(pushes);
    await Promise.all(workers.map(({ done }) => done));
    for (const { bodies } of workers)
      expect(bodies.toSorted()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  test('workers that come while their queue is being created disturb nobody', async () => {
    await using opened = await open(url);
    const { near, far } = opened;
    const steady = worker(near, 'tb::steady', { count: 100 });
    await push(far, 'tb::steady', '0');
    while (steady.bodies.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    for (let round = 1; round < 100; round += 1) {
      const topic = `tb::racing::${round}`;
      const pushed = push(far, topic, 'x');
      await new Promise((resolve) => setTimeout(resolve, round % 12));
      const racing = worker(near, topic, { count: 1 });
      await Promise.all([pushed, racing.done, push(far, 'tb::steady', String(round))]);
    }
    await steady.done;
    expect(steady.failures).toEqual([]);
    expect(steady.bodies).toEqual(Array.from({ length: 100 }, (_, round) => String(round)));
  });

  test('a queue that was deleted is declared again by the next push, and its worker hears of it', async () => {
    await using opened = await open(url);
    const consuming = worker(opened.near, 'tb::deleted', { count: 2 });
    await push(opened.far, 'tb::deleted', 'before');
    while (consuming.bodies.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const connection = await connect(url);
    await (await connection.createChannel()).deleteQueue(queueOfTopic(opened.settings.prefix, 'tb::deleted'));
    await connection.close();
    await push(opened.far, 'tb::deleted', 'after');
    await consuming.done;
    expect(consuming.bodies).toEqual(['before', 'after']);
    expect(consuming.failures).toMatchObject([{ reason: 'STORE_UNAVAILABLE' }]);
  });

  test('when connections are cut pushes are tried again and nothing is lost', async () => {
    await using opened = await open(url);
    const { near, proxy } = opened;
    const consuming = worker(near, 'tb::cut', { count: 300 });
    const bodies = Array.from({ length: 300 }, (_, index) => `i${index}`);
    await Promise.all(
      bodies.map(async (body, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 4));
        if (index % 60 === 30) proxy.cut();
        await push(near, 'tb::cut', body);
      }),
    );
    await consuming.done;
    expect([...new Set(consuming.bodies)].toSorted()).toEqual(bodies.toSorted());
    for (const reason of consuming.failures) expect(reason).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });

  test('a worker that was cut off while the queue came hears of it when it is back', async () => {
    await using opened = await open(url);
    const waiting = worker(opened.near, 'tb::missed', { count: 1 });
    // It waits for the bell once a first topic of its gateway has been served.
    const first = worker(opened.near, 'tb::first', { count: 1 });
    await push(opened.far, 'tb::first', 'x');
    await first.done;
    opened.proxy.isDown = true;
    opened.proxy.cut();
    await push(opened.far, 'tb::missed', 'here');
    opened.proxy.isDown = false;
    await waiting.done;
    expect(waiting.bodies).toEqual(['here']);
  });

  test('a push is rejected when the broker stays away, and one after that passes', async () => {
    await using opened = await open(url, { publishTimeoutMs: 600 });
    const { near, proxy } = opened;
    await push(near, 'tb::away', 'first');
    proxy.isDown = true;
    proxy.cut();
    await expect(push(near, 'tb::away', 'lost')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    proxy.isDown = false;
    await push(near, 'tb::away', 'later');
    const consuming = worker(near, 'tb::away', { count: 2 });
    await consuming.done;
    expect(consuming.bodies).toEqual(['first', 'later']);
  });

  test('a broker that takes and never answers is given up in time', async () => {
    await using opened = await open(url, { publishTimeoutMs: 500 });
    const { near, proxy } = opened;
    await push(near, 'tb::silent', 'first');
    proxy.treat('down', { is: 'swallowing' }, { onlyOpen: true });
    await expect(push(near, 'tb::silent', 'second')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    proxy.cut();
  });

  test('a peer that never speaks is given up in time', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const address = { ...parseAmqpAddress(url), port };
    const queue = openTestQueue({
      ...testWorkSettings(url),
      addresses: [address],
      connectTimeoutMs: 300,
      publishTimeoutMs: 700,
    });
    await expect(push(queue, 't', 'x')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    const stop = new AbortController();
    const items = queue.consume('t', { credit: 1, signal: stop.signal });
    await expect(items.next()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await queue[Symbol.asyncDispose]();
    server.close();
  });

  test('a wrong password is said with user and address, without the password', async () => {
    const address = { ...parseAmqpAddress(url), password: 'hunter2' };
    const queue = openTestQueue({ ...testWorkSettings(url), addresses: [address], publishTimeoutMs: 300 });
    const message = await push(queue, 't', 'x').then(
      () => '',
      (reason: Error) => reason.message,
    );
    await queue[Symbol.asyncDispose]();
    expect(message).toContain(
      `RabbitMQ at ${address.hostname}:${address.port} does not let user "${address.username}" in`,
    );
    expect(message).not.toContain('hunter2');
  });

  test('a topic longer than a queue name may be', async () => {
    await using opened = await open(url);
    const long = `tb::${'w'.repeat(128)}::${'i'.repeat(128)}`;
    const consuming = worker(opened.near, `${long}2`, { count: 1 });
    await push(opened.far, `${long}1`, 'one');
    await push(opened.far, `${long}2`, 'two');
    await consuming.done;
    expect(consuming.bodies).toEqual(['two']);
  });
});
