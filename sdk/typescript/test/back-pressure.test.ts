import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../../../test/adapters/rabbitmq/tcp-proxy.ts';
import { connectAgent, type Message } from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { scriptedGateway } from './scripted-gateway.ts';
import { nextStatus } from './status.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

const agent = { workspace: 'ws', implementation: 'impl' };
const inboxBytesMax = 64 * 1024;
/** One group of frames may come in over the bound. */
const slackBytes = 256 * 1024;

describe('a slow consumer', () => {
  test('gets 10,000 messages complete and in order, in bounded memory', async () => {
    await using sender = await connectAgent({ ...agent, address, specifier: 's1' });
    await using slow = await connectAgent({ ...agent, address, specifier: 's2', inboxBytesMax });
    const wanted = 10_000;
    const sent = (async () => {
      for (let index = 0; index < wanted; index += 1) await sender.send(slow.topic, String(index).padEnd(256));
    })();
    let peakBytes = 0;
    let next = 0;
    for await (const message of slow.messages()) {
      expect(Number(message.text())).toBe(next);
      peakBytes = Math.max(peakBytes, slow.load.messageBytes);
      if (next % 10 === 0) await turn();
      next += 1;
      if (next === wanted) break;
    }
    await sent;
    expect(peakBytes).toBeGreaterThan(inboxBytesMax / 2);
    expect(peakBytes).toBeLessThan(inboxBytesMax + slackBytes);
  });

  test('loses nothing when its connection breaks again and again', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using sender = await connectAgent({ ...agent, address, specifier: 's3' });
    await using slow = await connectAgent({
      ...agent,
      address: proxy.address,
      specifier: 's4',
      inboxBytesMax: 256 * 1024,
      reconnect: { initialBackoffMs: 1, maxBackoffMs: 1 },
    });
    const wanted = 6000;
    for (let index = 0; index < wanted; index += 1) await sender.send(slow.topic, String(index).padEnd(256));
    await sender.sync();
    const received = new Set<number>();
    for await (const message of slow.messages()) {
      const isFirst = !received.has(Number(message.text()));
      received.add(Number(message.text()));
      if (received.size === wanted) break;
      if (!isFirst || received.size % 1000 !== 0) continue;
      const back = nextStatus(slow, 'connected');
      proxy.cut();
      await back;
    }
    expect(received.size).toBe(wanted);
  });
});

describe('an inbox far over its bound', () => {
  /** Loses its connection while nothing is read: what the transport had received is kept, bound or not. */
  const overfill = async (specifier: string) => {
    const proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    const sender = await connectAgent({ ...agent, address, specifier: `${specifier}-sender` });
    const client = await connectAgent({ ...agent, address: proxy.address, specifier, inboxBytesMax: 1024 });
    for (let index = 0; index < 1000; index += 1) await sender.send(client.topic, String(index).padEnd(256));
    await sender.close();
    const lost = nextStatus(client, 'reconnecting');
    proxy.cut();
    await lost;
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(client.currentStatus.state).toBe('reconnecting');
    return { client, proxy };
  };

  test('keeps its client away until the application takes some', async () => {
    const { client, proxy } = await overfill('o1');
    const back = nextStatus(client, 'connected');
    client.onMessage(() => undefined);
    expect(await back).toMatchObject({ resumed: true });
    await client.close();
    await proxy[Symbol.asyncDispose]();
  });

  test('but not from sending: a handler that waits for its send does not wait for itself', async () => {
    const { client, proxy } = await overfill('o2');
    await client.send('ag::ws::impl::nobody', 'x');
    expect(client.currentStatus.state).toBe('connected');
    client.onMessage(() => undefined);
    await client.close();
    await proxy[Symbol.asyncDispose]();
  });
});

describe('a client nobody takes messages from', () => {
  const message = (index: number) => ({
    $case: 'msg' as const,
    value: {
      sourceTopic: 'ag::ws::impl::x',
      payload: new Uint8Array(1000).fill(index),
      messageType: 6 as const,
      workspace: 'ws',
      onBehalfSubject: undefined,
      accessReceipt: undefined,
      forwardedAuthorization: undefined,
      deliveryId: 0n,
      attempt: 0,
      messageId: '',
      possibleDuplicate: false,
      offset: 0n,
      record: 0,
    },
  });

  const flood = async (options: { readonly inboxBytesMax: number }) => {
    const scripted = scriptedGateway();
    const connecting = connectAgent({ ...agent, ...options, specifier: 'x', transport: scripted.transport });
    const stream = await scripted.nextStream();
    await stream.next();
    stream.acknowledge('session');
    const client = await connecting;
    for (let index = 0; index < 100; index += 1) stream.send(message(index));
    while (stream.unread === 100) await turn();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    return { client, stream };
  };

  const finish = async ({ client, stream }: Awaited<ReturnType<typeof flood>>): Promise<void> => {
    const closing = client.close();
    while ((await stream.next()) !== undefined);
    stream.end({ code: 'ok', message: '' });
    await closing;
  };

  test('stops reading at its bound, warns once, and goes on when they are taken', async () => {
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
    const flooded = await flood({ inboxBytesMax: 10_000 });
    const { client, stream } = flooded;
    expect((await warned).code).toBe('MESSAGES_UNTAKEN');
    expect(client.load.messages).toBeLessThan(10);
    expect(stream.unread).toBeGreaterThan(89);
    const taken: Message[] = [];
    for await (const item of client.messages()) if (taken.push(item) === 100) break;
    expect(taken.map(({ payload }) => payload[0])).toEqual(Array.from({ length: 100 }, (_, index) => index));
    await finish(flooded);
  });

  test('reads on for an answer, which lies behind the messages, as far as the reserve goes', async () => {
    const flooded = await flood({ inboxBytesMax: 40_000 });
    const { client, stream } = flooded;
    const before = client.load.messages;
    const asked = client.isOnline('ag::ws::impl::y');
    const request = await stream.next();
    const requestId = request?.$case === 'connectionStatusRequest' ? request.value.requestId : '';
    stream.send({
      $case: 'connectionStatusResponse',
      value: { requestId, ok: true, error: '', connected: true, lastSeenAt: 0n },
    });
    expect(await asked).toBe(true);
    expect(before).toBeLessThan(40);
    expect(client.load.messages).toBe(100);
    client.onMessage(() => undefined);
    await finish(flooded);
  });

  test('does not go beyond the reserve, not even for an answer', async () => {
    const flooded = await flood({ inboxBytesMax: 10_000 });
    const { client, stream } = flooded;
    await expect(client.isOnline('ag::ws::impl::y', { timeoutMs: 50 })).rejects.toMatchObject({
      reason: 'REQUEST_TIMEOUT',
      retryable: true,
    });
    expect(client.load.messages).toBeLessThan(40);
    expect(stream.unread).toBeGreaterThan(59);
    client.onMessage(() => undefined);
    await finish(flooded);
  });
});
