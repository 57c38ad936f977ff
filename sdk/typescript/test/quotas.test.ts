/** Limits of the gateway, as an application meets them. */
import { afterAll, describe, expect, test } from 'vitest';
import { type AetherError, agentTopic, connectAgent, connectService, type RequestOptions } from '../src/index.ts';
import { createStores, startGateway } from './gateway.ts';
import { scriptedGateway } from './scripted-gateway.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const stores = createStores();
const gateway = await startGateway({ stores, quotas: { session_rate: 200, session_burst: 20 } });
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

let serial = 0;
const pair = async (options: Parameters<typeof connectAgent>[0] | object = {}) => {
  const workspace = `limits-${(serial += 1)}`;
  const recipient = await connectAgent({ address, workspace, implementation: 'i', specifier: 'recipient' });
  const received: string[] = [];
  const all = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      recipient.onMessage((message) => {
        if (received.push(message.text()) === wanted) resolve();
      });
    });
  const sender = await connectAgent({ address, ...options, workspace, implementation: 'i', specifier: 'sender' });
  const errors: AetherError[] = [];
  sender.onError((error) => void errors.push(error));
  return { recipient, sender, received, all, errors, topic: agentTopic(workspace, 'i', 'recipient') };
};

const names = Array.from({ length: 100 }, (_, index) => `m${index}`);

describe.each([
  ['alone', { batch: false }],
  ['in batches', {}],
  ['with receipts', { receipts: true }],
])('messages %s', (_, options) => {
  test('beyond the rate wait for their time, and all of them come, in order', async () => {
    const { recipient, sender, received, all, errors, topic } = await pair(options);
    const coming = all(names.length);
    await Promise.all(names.map((name) => sender.send(topic, name)));
    await sender.close();
    await coming;
    expect(received).toEqual(names);
    expect(errors).toEqual([]);
    await recipient.close();
  });
});

test('who would rather be told gets each refusal, typed and with when to come again', async () => {
  const { recipient, sender, received, errors, topic } = await pair({ rateLimits: 'reject' });
  await Promise.all(names.map((name) => sender.send(topic, name)));
  await sender.sync();
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors) {
    expect(error).toMatchObject({ reason: 'ERR_RATE_LIMITED', code: 'resource_exhausted', retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(0);
  }
  await sender.close();
  await recipient.close();
  expect(received.length).toBeLessThanOrEqual(names.length - errors.length);
});

test('with receipts the refusal is that of the message', async () => {
  const { recipient, sender, topic } = await pair({ rateLimits: 'reject', receipts: true });
  const sent = await Promise.all(names.map((name) => sender.send(topic, name)));
  const outcomes = await Promise.allSettled(sent.map((one) => one.durable()));
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as AetherError] : []));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(names.length);
  for (const error of refused) expect(error).toMatchObject({ reason: 'ERR_RATE_LIMITED', retryable: true });
  await sender.close();
  await recipient.close();
});

test('a gateway that refuses although the client would wait is sent the message again when it said', async () => {
  const scripted = scriptedGateway();
  const connecting = connectAgent({
    transport: scripted.transport,
    workspace: 'w',
    implementation: 'i',
    specifier: 's',
    receipts: true,
  });
  const stream = await scripted.nextStream();
  const init = await stream.next();
  expect(init?.$case === 'init' && init.value.extensions.map(({ uri }) => uri)).toContain('urn:aether-fabric:quotas');
  const known = { uri: 'urn:aether-fabric:receipts', version: '', supported: true, rejectionReason: '' };
  stream.acknowledge('one', { negotiatedExtensions: [known] });
  const client = await connecting;
  const sent = await client.send('ag::w::i::t', 'x');
  const first = await stream.next();
  if (first?.$case !== 'send') throw new Error('no message');
  const requestId = first.value.messageId;
  stream.send({
    $case: 'error',
    value: { code: 'ERR_RATE_LIMITED', message: 'later', retryable: true, retryAfterMs: 30n, requestId },
  });
  const second = await stream.next();
  expect(second).toEqual(first);
  const receipt = { messageId: requestId, state: 3 as const, atUnixMs: 1n, reason: '' };
  stream.send({ $case: 'receipts', value: { receipts: [receipt] } });
  expect(await sent.durable()).toMatchObject({ state: 'durable' });
  stream.end({ code: 'ok', message: '' });
  await client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
});

describe('operators', () => {
  const operator = () => connectService({ address, implementation: 'operator', specifier: `o${(serial += 1)}` });

  test('change limits while sessions go on, see them, and take them back', async () => {
    await using client = await operator();
    const workspace = `changed-${(serial += 1)}`;
    expect((await client.quotas.get(workspace)).limits).toMatchObject({ session_rate: 200, session_burst: 20 });
    const set = await client.quotas.set(workspace, { session_rate: 0, kv_value_size: 10 });
    expect(set).toMatchObject({
      subject: workspace,
      limits: { session_rate: 0, kv_value_size: 10, workspace_rate: 0 },
      changed: { session_rate: 0, kv_value_size: 10 },
    });
    await using agent = await connectAgent({
      address,
      workspace,
      implementation: 'i',
      specifier: 's',
      rateLimits: 'reject',
    });
    const errors: AetherError[] = [];
    agent.onError((error) => void errors.push(error));
    await Promise.all(names.map((name) => agent.send(agent.topic, name)));
    agent.onMessage(() => undefined);
    await agent.sync();
    expect(errors).toEqual([]);
    await expect(agent.kv.put('k', 'more than ten')).rejects.toMatchObject({ reason: 'ERR_QUOTA_001' });
    expect(await client.quotas.list(workspace)).toEqual([
      { subject: workspace, changed: { session_rate: 0, kv_value_size: 10 } },
    ]);
    await client.quotas.clear(workspace, { names: ['kv_value_size'] });
    expect((await client.quotas.clear(workspace)).limits).toMatchObject({ session_rate: 200 });
    expect(await client.quotas.list(workspace)).toEqual([]);
  });

  test('see all changes, however many there are, in order', async () => {
    const subjects = Array.from({ length: 2500 }, (_, index) => `many-${String(index).padStart(4, '0')}`);
    for (const subject of subjects) await stores.quotaOverrideStore.put({ subject, limits: { session_rate: 7 } });
    await using client = await operator();
    expect((await client.quotas.list('many-')).map(({ subject }) => subject)).toEqual(subjects);
    expect(await client.quotas.list('many-2499')).toEqual([{ subject: 'many-2499', changed: { session_rate: 7 } }]);
    for (const subject of subjects) await stores.quotaOverrideStore.remove(subject);
  });

  test.each([
    ['a negative limit', { session_rate: -1 }, 'ERR_INVALID_ARGUMENT'],
    ['an unknown limit', { nothing: 1 }, 'ERR_INVALID_ARGUMENT'],
    ['half a message', { session_rate: 0.5 }, 'INVALID_ARGUMENT'],
  ])('are refused %s', async (_, limits, reason) => {
    await using client = await operator();
    await expect(client.quotas.set('w', limits)).rejects.toMatchObject({ reason });
  });

  test('are told what is no subject, and what has not been changed', async () => {
    await using client = await operator();
    await expect(client.quotas.get('a b')).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
    await expect(client.quotas.clear('unknown')).rejects.toMatchObject({
      reason: 'ERR_QUOTA_UNKNOWN',
      code: 'not_found',
    });
  });

  test('others may not, nor may a client that rejects', async () => {
    await using agent = await connectAgent({ address, workspace: 'w', implementation: 'i', specifier: 'curious' });
    const options: RequestOptions = {};
    await expect(agent.quotas.list('', options)).rejects.toMatchObject({ reason: 'ERR_PERMISSION_DENIED' });
    await using rejecting = await connectService({
      address,
      implementation: 'operator',
      specifier: `o${(serial += 1)}`,
      rateLimits: 'reject',
    });
    await expect(rejecting.quotas.list()).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
  });

  test('a choice that is none is refused', async () => {
    const options = { address, implementation: 'x', specifier: 'y', rateLimits: 'maybe' as 'wait' };
    await expect(connectService(options)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });
});
