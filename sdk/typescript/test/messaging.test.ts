import { afterAll, describe, expect, test } from 'vitest';
import {
  type AetherError,
  agentsTopic,
  agentTopic,
  connectAgent,
  connectBridge,
  connectMetricsBridge,
  connectService,
  connectTask,
  connectUser,
  connectWorkflowEngine,
  type Message,
  usersTopic,
  userTopic,
  userWorkspaceTopic,
} from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

let count = 0;
/** An agent of its own workspace or of the one named. */
const agentIn = (workspace = `ws${(count += 1)}`, specifier = `a${(count += 1)}`) =>
  connectAgent({ address, workspace, implementation: 'impl', specifier });

const take = async <T>(items: AsyncIterable<T>, wanted: number): Promise<T[]> => {
  const taken: T[] = [];
  if (wanted === 0) return taken;
  for await (const item of items) if (taken.push(item) === wanted) break;
  return taken;
};

const first = async <T>(items: AsyncIterable<T>): Promise<T> => {
  for await (const item of items) return item;
  throw new Error('ended');
};

describe('messages', () => {
  test('arrive as they were sent, in the iterator style', async () => {
    await using alice = await agentIn('m1');
    await using bob = await agentIn('m1');
    await alice.send(bob.topic, 'héllo', { type: 'chat' });
    await alice.send(bob.topic, new Uint8Array([0, 255]));
    await alice.sendJson(bob.topic, { city: 'Bern' }, { type: 'toolCall', workspace: 'elsewhere' });
    const [chat, bytes, json] = await take(bob.messages(), 3);
    expect(chat).toMatchObject({ source: alice.topic, type: 'chat', workspace: 'm1', onBehalfOf: undefined });
    expect(chat?.text()).toBe('héllo');
    expect(bytes).toMatchObject({ type: 'opaque' });
    expect([...(bytes?.payload ?? [])]).toEqual([0, 255]);
    expect(json).toMatchObject({ type: 'toolCall', workspace: 'elsewhere' });
    expect(json?.json()).toEqual({ city: 'Bern' });
    expect(json?.json((value) => Object.keys(value ?? {}))).toEqual(['city']);
    expect(() => bytes?.json()).toThrow(/not JSON/);
    expect(() => chat?.metric()).toThrow(/of type chat/);
  });

  test('in the handler style handlers run one after the other, and their failures are errors', async () => {
    await using alice = await agentIn('m2');
    await using bob = await agentIn('m2');
    const log: string[] = [];
    const failed = first<AetherError>(bob.errors());
    const done = Promise.withResolvers<void>();
    bob.onMessage(async (message) => {
      log.push(`begin ${message.text()}`);
      await alice.sync();
      log.push(`end ${message.text()}`);
      if (message.text() === '1') throw new Error('one is bad');
      if (message.text() === '2') done.resolve();
    });
    for (const text of ['0', '1', '2']) await alice.send(bob.topic, text);
    await done.promise;
    expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
    expect(await failed).toMatchObject({ reason: 'HANDLER_FAILED', message: 'a handler failed: one is bad' });
  });

  test('with concurrency, as many run at once', async () => {
    await using alice = await agentIn('m3');
    await using bob = await agentIn('m3');
    const gate = Promise.withResolvers<void>();
    let running = 0;
    bob.onMessage(
      async () => {
        running += 1;
        if (running === 3) gate.resolve();
        await gate.promise;
      },
      { concurrency: 3 },
    );
    for (const text of ['0', '1', '2', '3']) await alice.send(bob.topic, text);
    await gate.promise;
    expect(running).toBe(3);
  });

  test('a handler may ask the gateway, and answer', async () => {
    await using alice = await agentIn('m4');
    await using bob = await agentIn('m4');
    bob.onMessage(async (message) => {
      const online = await bob.isOnline(alice.identity);
      await bob.reply(message, `${message.text()}: ${online}`);
    });
    await alice.send(bob.topic, 'online', { type: 'control' });
    const answer = await first(alice.messages());
    expect(answer.text()).toBe('online: true');
    expect(answer.type).toBe('control');
  });

  test('every consumer sees every message; what nobody took waits for the next', async () => {
    await using alice = await agentIn('m5');
    await using bob = await agentIn('m5');
    for (const text of ['0', '1', '2', '3']) await alice.send(bob.topic, text);
    expect((await first(bob.messages())).text()).toBe('0');
    expect((await first(bob.messages())).text()).toBe('1');
    const [left, right] = [bob.messages(), bob.messages()];
    const [one, two] = [left.next(), right.next()];
    expect((await one).value?.text()).toBe('2');
    await alice.send(bob.topic, '4');
    // The second iterator joined when the first had been given what waited: it sees what comes from then on.
    expect((await two).value?.text()).toBe('4');
    expect((await left.next()).value?.text()).toBe('3');
    expect((await left.next()).value?.text()).toBe('4');
    await left.return?.();
    await right.return?.();
  });

  test('reach agents, workers, users, services and bridges', async () => {
    await using sender = await connectService({ address, implementation: 'sender', specifier: '1' });
    await using agent = await agentIn('m6', 'x');
    await using worker = await connectTask({ address, workspace: 'm6', implementation: 'work' });
    await using user = await connectUser({ address, userId: 'ann', windowId: '1', workspace: 'm6' });
    await using service = await connectService({ address, implementation: 'target', specifier: '1' });
    await using bridge = await connectBridge({ address, implementation: 'target', specifier: '1' });
    await sender.sendToAgent({ workspace: 'm6', implementation: 'impl', specifier: 'x' }, 'agent');
    await sender.send(agentsTopic('m6'), 'agents');
    await sender.sendToTask({ workspace: 'm6', implementation: 'work' }, 'any worker');
    await sender.send(user.topic, 'window');
    await sender.send(userTopic('ann'), 'windows');
    await sender.send(usersTopic('m6'), 'users');
    await sender.send(userWorkspaceTopic('ann', 'm6'), 'windows there');
    await sender.send('sv::target', 'any service');
    await sender.send('br::target::1', 'bridge');
    const texts = async (client: { messages(): AsyncIterable<Message> }, wanted: number) =>
      (await take(client.messages(), wanted)).map((message) => message.text()).toSorted();
    expect(await texts(agent, 2)).toEqual(['agent', 'agents']);
    expect(await texts(worker, 1)).toEqual(['any worker']);
    expect(await texts(user, 4)).toEqual(['users', 'window', 'windows', 'windows there']);
    expect(await texts(service, 1)).toEqual(['any service']);
    expect(await texts(bridge, 1)).toEqual(['bridge']);
  });

  test('with no workspace to be in, one has to be named', async () => {
    await using service = await connectService({ address, implementation: 's', specifier: '1' });
    await expect(service.sendToAgent({ implementation: 'i', specifier: 's' }, 'x')).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
  });

  test('iteration ends by its signal, with the signal’s reason', async () => {
    await using agent = await agentIn();
    const controller = new AbortController();
    const waiting = first(agent.messages({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(first(agent.messages({ signal: AbortSignal.abort(new Error('before')) }))).rejects.toThrow('before');
  });
});

describe('what cannot be sent is refused', () => {
  test('at once, where it is certain', async () => {
    await using agent = await agentIn();
    await expect(agent.send('nonsense', 'x')).rejects.toMatchObject({ reason: 'INVALID_TOPIC', retryable: false });
    await expect(agent.send(agent.topic, new Uint8Array(1024 * 1024 + 1))).rejects.toMatchObject({
      reason: 'PAYLOAD_TOO_LARGE',
      code: 'resource_exhausted',
    });
    await expect(agent.sendJson(agent.topic, undefined)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await expect(agent.sendEvent([])).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  test('a payload of exactly the maximum arrives', async () => {
    await using agent = await agentIn();
    const payload = new Uint8Array(1024 * 1024).fill(7);
    await agent.send(agent.topic, payload);
    const message = await first(agent.messages());
    expect(message.payload.byteLength).toBe(payload.byteLength);
    expect(message.payload.every((byte) => byte === 7)).toBe(true);
  });

  test('by the gateway, through errors() and onError(), in order before sync() resolves', async () => {
    await using agent = await agentIn();
    const refusals: AetherError[] = [];
    agent.onError((error) => refusals.push(error));
    await agent.send(agentTopic('foreign', 'i', 's'), 'x');
    await agent.send('sv::nobody', 'x');
    await agent.sync();
    expect(refusals).toMatchObject([
      { reason: 'ERR_PERMISSION_DENIED', code: 'permission_denied', retryable: false, requestId: undefined },
      { reason: 'ERR_SV_UNAVAILABLE', code: 'unavailable', retryable: true },
    ]);
  });

  test('and printed where nobody listens', async () => {
    await using agent = await agentIn();
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
    await agent.send(agentTopic('foreign', 'i', 's'), 'x');
    const warning = await warned;
    expect(warning.name).toBe('AetherWarning');
    expect(warning.code).toBe('ERR_PERMISSION_DENIED');
  });
});

describe('events, metrics, progress', () => {
  test('events reach the workflow engine', async () => {
    await using engine = await connectWorkflowEngine({ address });
    await using agent = await agentIn('e1');
    await agent.sendEvent('order.created', { id: 7 });
    await agent.sendEvent(['a', 'b'], {}, { workspace: 'e1' });
    const [one, two] = await take(engine.messages(), 2);
    expect(one).toMatchObject({ type: 'event', workspace: 'e1', source: agent.topic });
    expect(one?.json()).toEqual({
      source_agent: agent.topic,
      workspace: 'e1',
      event_names: ['order.created'],
      data: { id: 7 },
    });
    expect(two?.json()).toMatchObject({ event_names: ['a', 'b'] });
  });

  test('metrics reach the metrics bridge', async () => {
    await using bridge = await connectMetricsBridge({ address });
    await using agent = await agentIn('e2');
    const timestamp = new Date(1_700_000_000_123);
    const metric = {
      entries: [{ name: 'tokens', quantity: 12.5, kind: 'input' }],
      metadata: { model: 'm' },
      timestamp,
    };
    await agent.sendMetric(metric);
    const message = await first(bridge.messages());
    expect(message).toMatchObject({ type: 'metric', workspace: 'e2' });
    expect(message.metric()).toEqual(metric);
  });

  test('progress reaches who watches, in both styles; the reporter gets none', async () => {
    await using worker = await agentIn('e3');
    await using watcher = await agentIn('e3');
    await using user = await connectUser({ address, userId: 'eva', windowId: '1' });
    const seen = first(watcher.progress());
    const handled = new Promise((resolve) => user.onProgress(resolve));
    await worker.reportProgress({
      state: 'running',
      completion: 0.5,
      summary: 'half way',
      step: { name: 'read', sequence: 1, totalSteps: 2 },
      metadata: { a: 'b' },
      kind: 'app',
    });
    expect(await seen).toMatchObject({
      source: worker.topic,
      state: 'running',
      completion: 0.5,
      summary: 'half way',
      step: { name: 'read', sequence: 1, totalSteps: 2 },
      metadata: { a: 'b' },
      kind: 'app',
      workspace: 'e3',
      recipient: undefined,
    });
    await worker.reportProgress({ summary: 'for you', recipient: 'us::eva' });
    expect(await handled).toMatchObject({ summary: 'for you', recipient: 'us::eva', workspace: 'e3' });
  });
});

describe('a user’s workspace', () => {
  test('is entered and left; a refusal rejects, whatever else is refused at the time', async () => {
    await using agent = await agentIn('u1');
    await using user = await connectUser({ address, userId: 'uma', windowId: '1', workspace: 'u1' });
    expect(user.workspace).toBe('u1');
    user.onError(() => undefined);
    await user.send(agentTopic('foreign', 'i', 's'), 'refused');
    const [, entered] = await Promise.allSettled([
      user.send(agentTopic('foreign', 'i', 's'), 'refused'),
      user.switchWorkspace('u2'),
      user.send(agentTopic('foreign', 'i', 's'), 'refused'),
    ]);
    expect(entered).toEqual({ status: 'fulfilled', value: undefined });
    expect(user.workspace).toBe('u2');
    await expect(user.switchWorkspace('no such')).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await user.switchWorkspace(undefined);
    expect(user.workspace).toBeUndefined();
    await agent.send(usersTopic('u1'), 'nobody there');
    await agent.sync();
    expect(user.load.messages).toBe(0);
  });
});
