import { afterAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../../../test/adapters/rabbitmq/tcp-proxy.ts';
import { IncomingMessage } from '../src/gen/aether/v1/message.ts';
import { connectAgent, connectService, connectTask, connectUser, type Message } from '../src/index.ts';
import { createStores, startGateway } from './gateway.ts';
import { scriptedGateway } from './scripted-gateway.ts';
import { nextStatus } from './status.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const stores = createStores();
const gateway = await startGateway({ stores });
afterAll(() => gateway[Symbol.asyncDispose]());

const agent = { workspace: 'ws', implementation: 'impl' };

const take = async (messages: AsyncIterable<Message>, wanted: number): Promise<string[]> => {
  const texts: string[] = [];
  for await (const message of messages) if (texts.push(message.text()) === wanted) break;
  return texts;
};

describe('a connection that breaks', () => {
  test('is replaced, and the session resumed', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using client = await connectAgent({ ...agent, address: proxy.address, specifier: 'r1' });
    const { id, firstConnectedAt } = client.session;
    const [lost, back] = [nextStatus(client, 'reconnecting'), nextStatus(client, 'connected')];
    proxy.cut();
    expect(await lost).toMatchObject({ attempt: 1, delayMs: 0, cause: { code: 'unavailable', retryable: true } });
    expect(await back).toMatchObject({ resumed: true, reconnections: 1 });
    expect(client.session).toMatchObject({ resumed: true, resumptions: 1, firstConnectedAt });
    expect(client.session.id).not.toBe(id);
    expect(client.currentStatus.state).toBe('connected');
  });

  test('leaves a task that was given its identity with it', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using task = await connectTask({ ...agent, address: proxy.address });
    const { identity } = task;
    const back = nextStatus(task, 'connected');
    proxy.cut();
    expect((await back).resumed).toBe(true);
    expect(task.identity).toBe(identity);
  });

  test('leaves a user in the workspace entered', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using user = await connectUser({ address: proxy.address, userId: 'ulf', workspace: 'ws' });
    await using sender = await connectAgent({ ...agent, address: gateway.address, specifier: 'r2' });
    const back = nextStatus(user, 'connected');
    proxy.cut();
    await back;
    await user.sync();
    await sender.send('uw::ulf::ws', 'still there');
    expect(await take(user.messages(), 1)).toEqual(['still there']);
  });

  test('takes unanswered requests with it, with a retryable error', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using client = await connectAgent({ ...agent, address: proxy.address, specifier: 'r3' });
    for (const direction of ['up', 'down'] as const) proxy.treat(direction, { is: 'holding' }, { onlyOpen: true });
    const answer = client.isOnline(client.identity);
    const handed = client.send(client.topic, 'handed over with the request, in order');
    await handed;
    const back = nextStatus(client, 'connected');
    // The request is in the socket by the time the write of what was sent with it has been taken.
    await new Promise((resolve) => setImmediate(resolve));
    for (const direction of ['up', 'down'] as const) proxy.release(direction);
    proxy.cut();
    await expect(answer).rejects.toMatchObject({ reason: 'CONNECTION_LOST', retryable: true });
    await back;
    expect(await client.isOnline(client.identity)).toBe(true);
  });

  test('makes sends wait, in order, until there is another', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using client = await connectAgent({
      ...agent,
      address: proxy.address,
      specifier: 'r4',
      reconnect: { initialBackoffMs: 1, maxBackoffMs: 5 },
    });
    const lost = nextStatus(client, 'reconnecting');
    proxy.isDown = true;
    proxy.cut();
    await lost;
    const sends = ['0', '1', '2'].map((text) => client.send(client.topic, text));
    expect(client.load.sends).toBe(3);
    const back = nextStatus(client, 'connected');
    proxy.isDown = false;
    await Promise.all([back, ...sends]);
    expect(await take(client.messages(), 3)).toEqual(['0', '1', '2']);
  });

  test('lets sends wait no longer than they may, and no more of them than there is room for', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    const client = await connectAgent({
      ...agent,
      address: proxy.address,
      specifier: 'r5',
      outboxBytesMax: 2000,
      sendTimeoutMs: 20,
    });
    const lost = nextStatus(client, 'reconnecting');
    proxy.isDown = true;
    proxy.cut();
    await lost;
    const controller = new AbortController();
    const late = client.send(client.topic, new Uint8Array(500));
    const aborted = client.send(client.topic, new Uint8Array(500), { signal: controller.signal, timeoutMs: 60_000 });
    await expect(client.send(client.topic, new Uint8Array(500))).rejects.toMatchObject({
      reason: 'SEND_QUEUE_FULL',
      code: 'resource_exhausted',
      retryable: true,
    });
    controller.abort(new Error('not any more'));
    await expect(aborted).rejects.toThrow('not any more');
    await expect(late).rejects.toMatchObject({ reason: 'SEND_TIMEOUT', code: 'unavailable', retryable: true });
    expect(client.load).toMatchObject({ sends: 0, sendBytes: 0 });
    await expect(client.close({ signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once');
    expect(await client.closed).toMatchObject({ by: 'failure', error: { reason: 'CLOSE_ABORTED' } });
  });

  test('is the end where reconnecting is switched off, or attempts are used up', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    const options = { ...agent, address: proxy.address };
    const once = await connectAgent({ ...options, specifier: 'r6', reconnect: { enabled: false } });
    const few = await connectAgent({
      ...options,
      specifier: 'r7',
      reconnect: { maxAttempts: 3, initialBackoffMs: 1, maxBackoffMs: 1 },
    });
    const iteration = take(once.messages(), 1).catch((error: unknown) => error);
    proxy.isDown = true;
    proxy.cut();
    expect(await once.closed).toMatchObject({ by: 'failure', error: { code: 'unavailable' } });
    expect(await iteration).toMatchObject({ code: 'unavailable' });
    expect(await few.closed).toMatchObject({ by: 'failure', error: { code: 'unavailable' } });
    await expect(few.send(few.topic, 'x')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('several gateways', () => {
  test('a client lands on another one when its own is gone, and goes on where it was', async () => {
    await using other = await startGateway({ stores, gatewayId: 'gw-2' });
    await using near = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using far = await TcpProxy.open({ host: '127.0.0.1', port: other.port });
    await using sender = await connectAgent({ ...agent, address: gateway.address, specifier: 'g1' });
    await using client = await connectAgent({ ...agent, address: [near.address, far.address], specifier: 'g2' });
    expect(client.currentStatus).toMatchObject({ address: near.address });
    await sender.send(client.topic, 'before');
    expect(await take(client.messages(), 1)).toEqual(['before']);
    const back = nextStatus(client, 'connected');
    const lostAt = performance.now();
    near.isDown = true;
    near.cut();
    expect(await back).toMatchObject({ address: far.address, resumed: true });
    expect(performance.now() - lostAt).toBeLessThan(1000);
    await sender.send(client.topic, 'after');
    // At least once: what had been confirmed a moment before the break may come again.
    const texts = client.messages();
    let text = '';
    while (text !== 'after') text = (await texts.next()).value?.text() ?? 'ended';
    await texts.return?.();
  });

  test('the first that answers is taken; where none does, connecting fails', async () => {
    await using dead = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    dead.isDown = true;
    await using client = await connectAgent({ ...agent, address: [dead.address, gateway.address], specifier: 'g3' });
    expect(client.currentStatus).toMatchObject({ address: gateway.address });
    await expect(connectAgent({ ...agent, address: dead.address, specifier: 'g4' })).rejects.toMatchObject({
      reason: 'GATEWAY_UNAVAILABLE',
      retryable: true,
    });
  });
});

describe('a gateway that stops', () => {
  test('says so, and its clients move on without losing what waits for them', async () => {
    const shared = createStores();
    const first = await startGateway({ stores: shared });
    await using second = await startGateway({ stores: shared, gatewayId: 'gw-2' });
    const address = [first.address, second.address];
    await using sender = await connectAgent({ ...agent, address: second.address, specifier: 'd1' });
    // An inbox so small that most of what is sent lies in the transport when the gateway stops.
    await using client = await connectAgent({ ...agent, address, specifier: 'd2', inboxBytesMax: 1 });
    const wanted = 400;
    for (let index = 0; index < wanted; index += 1) await sender.send(client.topic, String(index).padEnd(200));
    await sender.sync();
    const [draining, back] = [nextStatus(client, 'draining'), nextStatus(client, 'connected')];
    const received = new Set<number>();
    const messages = client.messages();
    received.add(Number((await messages.next()).value?.text()));
    const stopped = first[Symbol.asyncDispose]();
    while (received.size < wanted) received.add(Number((await messages.next()).value?.text()));
    await messages.return?.();
    expect((await draining).message).toBe('server shutting down');
    expect(await back).toMatchObject({ address: second.address, resumed: true });
    expect([...received].toSorted((a, b) => a - b)).toEqual(Array.from({ length: wanted }, (_, index) => index));
    await stopped;
  });
});

describe('what comes with the acknowledgement', () => {
  const signal = (type: 0 | 1, reason: string) => ({ $case: 'signal' as const, value: { type, reason } });
  const connecting = async () => {
    const scripted = scriptedGateway();
    const client = connectAgent({ ...agent, specifier: 'x', transport: scripted.transport });
    const stream = await scripted.nextStream();
    await stream.next();
    return { scripted, stream, client };
  };

  test('before it: deliveries of a gateway that is too early are kept', async () => {
    const { stream, client } = await connecting();
    stream.send({ $case: 'msg', value: { ...IncomingMessage.decode(new Uint8Array()), sourceTopic: 'ag::a::b::c' } });
    stream.acknowledge('session');
    const early = await client;
    for await (const message of early.messages()) {
      expect(message.source).toBe('ag::a::b::c');
      break;
    }
    await early.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test('right behind it: a gateway that drains is sent nothing more', async () => {
    const { scripted, stream, client } = await connecting();
    stream.acknowledge('session');
    stream.send(signal(1, 'stopping'));
    const draining = await client;
    while (draining.currentStatus.state !== 'draining') await new Promise((resolve) => setImmediate(resolve));
    const sent = draining.send(draining.topic, 'later');
    stream.end({ code: 'unavailable', message: 'stopping' });
    const next = await scripted.nextStream();
    expect(await next.next()).toMatchObject({ $case: 'init', value: { resumeSessionId: 'session' } });
    next.acknowledge('second');
    await sent;
    expect(await next.next()).toMatchObject({ $case: 'send' });
    expect(await stream.next()).toBeUndefined();
    await draining.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test.each(['stays', 'is gone'])(
    'a stream to the next gateway is opened while one drains, and used if it %s',
    async (how) => {
      const scripted = scriptedGateway();
      const opening = connectAgent({
        ...agent,
        specifier: 'x',
        transport: scripted.transport,
        address: ['a:1', 'b:1'],
      });
      const stream = await scripted.nextStream();
      stream.acknowledge('session');
      const client = await opening;
      stream.send(signal(1, 'stopping'));
      const ahead = await scripted.nextStream();
      expect([stream.address, ahead.address]).toEqual(['a:1', 'b:1']);
      if (how === 'is gone') ahead.end({ code: 'unavailable', message: 'no' });
      stream.end({ code: 'unavailable', message: 'stopping' });
      const next = how === 'is gone' ? await scripted.nextStream() : ahead;
      expect(next.address).toBe('b:1');
      expect(await next.next()).toMatchObject({ $case: 'init', value: { resumeSessionId: 'session' } });
      next.acknowledge('second');
      while (client.currentStatus.state !== 'connected') await new Promise((resolve) => setImmediate(resolve));
      await client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
    },
  );

  test('a stream that was opened ahead goes with the client', async () => {
    const scripted = scriptedGateway();
    const opening = connectAgent({ ...agent, specifier: 'x', transport: scripted.transport, address: ['a:1', 'b:1'] });
    const stream = await scripted.nextStream();
    stream.acknowledge('session');
    const client = await opening;
    stream.send(signal(1, 'stopping'));
    const ahead = await scripted.nextStream();
    await client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
    expect(await ahead.next()).toBeUndefined();
  });

  test('right behind it: the end for good', async () => {
    const { stream, client } = await connecting();
    stream.acknowledge('session');
    stream.send(signal(0, 'no'));
    expect(await (await client).closed).toEqual({ by: 'gateway', message: 'no' });
  });
});

describe('an administrator’s disconnect', () => {
  test('is for good: the reason is told, iteration ends with it, nothing reconnects', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    await using operator = await connectService({ address: gateway.address, implementation: 'op', specifier: '1' });
    const client = await connectAgent({ ...agent, address: proxy.address, specifier: 'f1' });
    const iteration = take(client.messages(), 1).catch((error: unknown) => error);
    const states: string[] = [];
    const followed = (async () => {
      for await (const { state } of client.status()) states.push(state);
    })();
    await operator.sessions.disconnect(client.session.id, { reason: 'maintenance' });
    expect(await client.closed).toEqual({ by: 'gateway', message: 'maintenance' });
    expect(await iteration).toMatchObject({ reason: 'DISCONNECTED' });
    await followed;
    expect(states).toEqual(['connected', 'closed']);
    expect(proxy.accepted).toBe(1);
    await client[Symbol.asyncDispose]();
  });
});
