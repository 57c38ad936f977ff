/** What the stack runs on is killed and comes back; on a Redis, RabbitMQ and Postgres of this file's own. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPaths } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAgent } from '#sdk';
import { openServices, type Services } from '../../scripts/services/services.ts';
import type { ErrorResponse } from '../../src/gen/aether/v1/error.ts';
import { DeadLetterOperation, QuotaOperation } from '../../src/gen/aether/v1/fabric.ts';
import { KVOperation, KVOperation_OpType as Op, KVOperation_Scope as Scope } from '../../src/gen/aether/v1/kv.ts';
import { SendMessage } from '../../src/gen/aether/v1/message.ts';
import { unique } from '../flows/fabric.ts';
import { agentInit, init, RawClient, send } from '../flows/raw-client.ts';
import { bodies, join, joinWhenFree, sendAll, take } from './agents.ts';
import { ProcessFabric } from './fabrics.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { until } from './until.ts';

let services: Services<'redis' | 'rabbitmq' | 'postgres'>;
beforeAll(async () => {
  const directory = mkdtempSync(joinPaths(tmpdir(), 'aether-dependencies-'));
  services = await openServices({ directory, only: ['redis', 'rabbitmq', 'postgres'] });
  await using fabric = new ProcessFabric('stack', services);
  await fabric.start();
  await until(() => keepsStreams(directory), 'the broker has written down who leads its streams');
});
afterAll(() => services[Symbol.asyncDispose]());

/**
 * A broker that is killed within moments of its very first stream comes back without any: RabbitMQ 3.10.8 writes the name
 * of its stream coordinator to disk a moment after it has started it, and starts none again whose name is not there.
 */
const keepsStreams = (directory: string): boolean => {
  const data = joinPaths(directory, 'rabbitmq', 'data');
  const names = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.includes('coordination') && path.endsWith('names.dets'),
  );
  return names.some((path) => readFileSync(joinPaths(data, path)).includes('rabbit_stream_coordinator'));
};

interface Readiness {
  readonly httpStatus: number;
  /** Names of the checks that failed. */
  readonly failing: readonly string[];
}

const readiness = async ({ opsUrl }: GatewayProcess): Promise<Readiness> => {
  const response = await fetch(`${opsUrl}/health/ready`);
  const { checks } = (await response.json()) as { checks: Record<string, { status: string }> };
  const failing = Object.entries(checks).flatMap(([name, { status }]) => (status === 'ok' ? [] : [name]));
  return { httpStatus: response.status, failing };
};

const isReady = async (gateway: GatewayProcess): Promise<boolean> => (await readiness(gateway)).httpStatus === 200;

describe.each([
  { name: 'redis', check: 'redis' },
  { name: 'rabbitmq', check: 'rabbitmq' },
  { name: 'postgres', check: 'postgresql' },
] as const)('$name killed', ({ name, check }) => {
  test('is named by /health/ready while it is gone; nothing accepted is lost, and the gateway recovers by itself', async () => {
    await using fabric = new ProcessFabric('stack', services);
    const gateway = await fabric.start();
    const workspace = unique('outage');
    const topic = `ag::${workspace}::docs::one`;
    const received = new Set<string>();
    await using recipient = await connectAgent({
      address: gateway.address,
      workspace,
      implementation: 'docs',
      specifier: 'one',
    });
    recipient.onMessage((message) => void received.add(message.text()));
    await sendAll(gateway.address, workspace, topic, bodies(500));
    expect(await readiness(gateway)).toEqual({ httpStatus: 200, failing: [] });
    await services[name].kill();
    await until(async () => (await readiness(gateway)).failing.includes(check), `${check} is reported`);
    expect((await readiness(gateway)).httpStatus).toBe(503);
    expect((await fetch(`${gateway.opsUrl}/health/live`)).status).toBe(200);
    await services[name].start();
    await until(() => isReady(gateway), 'the gateway is ready again');
    await sendUntilAccepted(gateway.address, workspace, topic, bodies(600).slice(500));
    await until(() => received.size === 600, 'everything has come');
    expect([...received]).toEqual(bodies(600));
  });
});

/** Services that just came back may refuse for a moment what their ports already let in. */
const sendUntilAccepted = (...[address, ...rest]: Parameters<typeof sendAll>): Promise<void> =>
  until(
    () =>
      sendAll(address, ...rest).then(
        () => true,
        () => false,
      ),
    'the messages are accepted',
  );

const extension = (name: string) => ({
  uri: `urn:aether-fabric:${name}`,
  version: '',
  required: true,
  jsonSchema: '',
});
const batches = extension('batch');
/** Just below what goes over in pieces, and more of it than may wait for a partition: its sender is not read any more. */
const large = 'x'.repeat(60_000);
const waiting = 80;

/** Longer than a store's own timeouts, and shorter than anybody would call it hanging. */
const answerMs = 15_000;

const within = <Value>(answer: Promise<Value>): Promise<Value> =>
  Promise.race([answer, new Promise<never>((_, reject) => setTimeout(() => reject(new Error('no answer')), answerMs))]);

const circuit = (gateway: GatewayProcess, subsystem: string): Promise<number> =>
  gateway.metric(`aether_circuit_breaker_state{subsystem="${subsystem}"}`);

/** So many refusals at once, whatever else is refused meanwhile. */
const circuitErrors = async (client: RawClient, count: number, about = ''): Promise<readonly ErrorResponse[]> => {
  const found: ErrorResponse[] = [];
  while (found.length < count) {
    const error = await client.find('error');
    if (error.code === 'ERR_CIRCUIT_OPEN' && error.message.includes(about)) found.push(error);
  }
  return found;
};

const expectRefusal = ({ message, retryable, retryAfterMs }: ErrorResponse): void => {
  expect({ message, retryable }).toEqual({
    message: 'message broker temporarily unavailable, please retry',
    retryable: true,
  });
  expect(retryAfterMs).toBeGreaterThan(0n);
  expect(retryAfterMs).toBeLessThanOrEqual(1000n);
};

test('rabbitmq killed: senders hear so in bounded time, then at once, and what was accepted comes when it is back', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('broker');
  const topic = `ag::${workspace}::raw::one`;
  using recipient = (await join(gateway.address, workspace, 'one')).client;
  await sendAll(gateway.address, workspace, topic, bodies(300));
  using sender = new RawClient(gateway.address);
  sender.say(agentInit(workspace, 'sender', { extensions: [batches] }));
  await sender.find('connectionAck');
  await using patient = await connectAgent({
    address: gateway.address,
    workspace,
    implementation: 'raw',
    specifier: 'patient',
    receipts: true,
  });
  const told: unknown[] = [];
  patient.onError((error) => void told.push(error));
  await services.rabbitmq.kill();
  // What stands behind the first batches fails with them, or its sender would be heard again when all had been tried.
  for (let index = 0; index < waiting; index += 1) sender.say(send(topic, large));
  expect(await within(sender.find('error'))).toMatchObject({ code: 'ERR_PUBLISH_FAILED', retryable: true });
  // From now on nobody waits for the broker but, every second, one.
  for (let index = 0; index < 20; index += 1) sender.say(send(topic, 'refused'));
  const refusals = await within(circuitErrors(sender, 19));
  for (const refusal of refusals) expectRefusal(refusal);
  const one = { ...SendMessage.decode(new Uint8Array()), targetTopic: topic };
  sender.say({ $case: 'sendBatch', value: { messages: [one, one, one, one] } });
  const places = await within(circuitErrors(sender, 3, 'of the batch'));
  const numbers = places.map(({ message }) => message.slice(0, 'message 0'.length));
  expect(new Set(numbers).size).toBe(3);
  expect(numbers).toEqual(numbers.toSorted());
  expect(await circuit(gateway, 'message broker')).toBe(1);
  // A sender that waits for receipts is told nothing of it: its messages go when they can.
  const sent = await Promise.all(bodies(50).map((text) => patient.send(`ag::${workspace}::raw::two`, text)));
  await services.rabbitmq.start();
  await until(() => isReady(gateway), 'the gateway is ready again');
  await sendUntilAccepted(gateway.address, workspace, topic, ['after']);
  const texts: string[] = [];
  while (texts.at(-1) !== 'after') texts.push(...(await take(recipient, 1)));
  // What failed may be there, and so may be one of a second; of those refused nothing is.
  const accepted = texts.filter((text) => text !== large && text !== 'refused' && text !== '');
  expect(accepted).toEqual([...bodies(300), 'after']);
  expect(texts.filter((text) => text === 'refused').length).toBeLessThanOrEqual(1);
  for (const message of sent) expect((await message.durable()).state).toBe('durable');
  expect(told).toEqual([]);
  expect(await circuit(gateway, 'message broker')).toBe(0);
});

test('rabbitmq killed: competing work is refused at once too, and goes on when it is back', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('work');
  const topic = `tb::${workspace}::raw`;
  using sender = (await join(gateway.address, workspace, 'sender')).client;
  sender.say(send(topic, 'before'));
  await services.rabbitmq.kill();
  await until(async () => {
    sender.say(send(topic, 'while it is gone'));
    return (await within(sender.find('error'))).code === 'ERR_CIRCUIT_OPEN';
  }, 'the circuit is open');
  expect(await circuit(gateway, 'work queue')).toBe(1);
  await services.rabbitmq.start();
  await until(async () => {
    sender.say(send(topic, 'again'));
    await delay(20);
    return (await circuit(gateway, 'work queue')) === 0;
  }, 'work is taken again');
});

test('redis killed: operations on keys are answered in bounded time, then at once, and go on when it is back', async () => {
  await using fabric = new ProcessFabric('stack', services);
  // With leases that outlive the outage; by default streams would end after two seconds, which answers everything.
  const leases = { gateway_ttl: '60s', gateway_renew: '500ms', identity_ttl: '120s', identity_renew: '5s' };
  const gateway = await fabric.start({ leases });
  using client = (await join(gateway.address, unique('keys'), 'one')).client;
  let count = 0;
  const ask = async (changes: Partial<KVOperation>) => {
    const requestId = `r${(count += 1)}`;
    const value = { ...KVOperation.decode(new Uint8Array()), scope: Scope.WORKSPACE, key: 'k', requestId, ...changes };
    client.say({ $case: 'kvOp', value });
    const answer = await within(client.find('kv'));
    expect(answer.requestId).toBe(requestId);
    if (answer.success) return { text: Buffer.from(answer.value).toString(), error: undefined };
    const error = await client.find('error');
    expect(error).toMatchObject({ requestId, retryable: true });
    return { text: undefined, error };
  };
  expect((await ask({ op: Op.PUT, value: Buffer.from('kept') })).error).toBeUndefined();
  await services.redis.kill();
  await until(async () => (await ask({ op: Op.GET })).error?.code === 'ERR_CIRCUIT_OPEN', 'the circuit is open');
  const answers = [];
  for (let index = 0; index < 5; index += 1)
    answers.push((await ask({ op: Op.PUT, value: Buffer.from('not kept') })).error);
  // At most one of them was let through, to see whether it is back.
  expect(answers.filter((error) => error?.code === 'ERR_CIRCUIT_OPEN').length).toBeGreaterThanOrEqual(4);
  expect(await circuit(gateway, 'key-value state')).toBe(1);
  await services.redis.start();
  await until(async () => (await ask({ op: Op.GET })).text === 'kept', 'keys are there again');
  expect(await circuit(gateway, 'key-value state')).toBe(0);
});

test('postgres killed: delayed messages, dead letters and quotas are refused at once, and go on when it is back', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('delayed');
  const topic = `ag::${workspace}::raw::one`;
  using client = new RawClient(gateway.address);
  client.say(agentInit(workspace, 'one', { extensions: [extension('receipts')] }));
  await client.find('connectionAck');
  using operator = new RawClient(gateway.address);
  const service = { implementation: unique('operator'), specifier: 'one', noPoolConsumer: false };
  operator.say(init({ $case: 'service', value: service }, { extensions: [extension('quotas'), extension('ack')] }));
  await operator.find('connectionAck');
  let count = 0;
  const held = { ...SendMessage.decode(new Uint8Array()), targetTopic: topic, payload: Buffer.from('held') };
  const hold = async (): Promise<ErrorResponse> => {
    client.say({ $case: 'send', value: { ...held, delayMs: 1n, messageId: `m${(count += 1)}` } });
    return within(client.find('error'));
  };
  const quotas = async () => {
    const value = { ...QuotaOperation.decode(new Uint8Array()), requestId: `q${(count += 1)}` };
    operator.say({ $case: 'quotaOp', value });
    return (await within(operator.find('quotaResponse'))).success ? undefined : operator.find('error');
  };
  const letters = async () => {
    const value = { ...DeadLetterOperation.decode(new Uint8Array()), requestId: `d${(count += 1)}` };
    operator.say({ $case: 'deadLetterOp', value });
    return (await within(operator.find('deadLetterResponse'))).success ? undefined : operator.find('error');
  };
  expect([await quotas(), await letters()]).toEqual([undefined, undefined]);
  await services.postgres.kill();
  for (const [subsystem, ask] of [
    ['delayed messages', hold],
    ['changed quotas', quotas],
    ['dead letters', letters],
  ] as const) {
    await until(async () => (await ask())?.code === 'ERR_CIRCUIT_OPEN', `${subsystem} are refused at once`);
    expect(await circuit(gateway, subsystem)).toBe(1);
  }
  expect(await letters()).toEqual(expect.objectContaining({ requestId: `d${count}`, retryable: true }));
  // The rest goes on meanwhile.
  client.say(send(topic, 'now'));
  expect((await within(client.find('msg'))).payload.toString()).toBe('now');
  await services.postgres.start();
  await until(async () => (await quotas()) === undefined && (await letters()) === undefined, 'operators are answered');
  await until(async () => {
    client.say({ $case: 'send', value: { ...held, delayMs: 1n, messageId: `m${(count += 1)}` } });
    await delay(20);
    return (await circuit(gateway, 'delayed messages')) === 0;
  }, 'messages are held again');
  expect((await within(client.find('msg'))).payload.toString()).toBe('held');
  expect(await circuit(gateway, 'dead letters')).toBe(0);
});

test('rabbitmq that stops answering for a while holds senders up, and then everything goes through once, in order', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('pause');
  const identity = { workspace, implementation: 'docs', specifier: 'one' };
  await using recipient = await connectAgent({ address: gateway.address, ...identity });
  const received: string[] = [];
  recipient.onMessage((message) => void received.push(message.text()));
  await services.rabbitmq.pause();
  const sending = sendAll(gateway.address, workspace, `ag::${workspace}::docs::one`, bodies(1000));
  await until(async () => (await readiness(gateway)).failing.includes('rabbitmq'), 'rabbitmq is reported');
  await services.rabbitmq.resume();
  await sending;
  await until(() => received.length >= 1000, 'everything has come');
  expect(received).toEqual(bodies(1000));
});

test('redis that comes back without its data: nothing is lost, and little is delivered again', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('wiped');
  const topic = `ag::${workspace}::raw::one`;
  const first = await join(gateway.address, workspace, 'one');
  await sendAll(gateway.address, workspace, topic, bodies(1000));
  expect(await take(first.client, 1000)).toEqual(bodies(1000));
  await until(() => isCopied(topic), 'the cursor is copied');
  await services.redis.wipe();
  first.client[Symbol.dispose]();
  await until(() => isReady(gateway), 'the gateway is ready again');
  await sendUntilAccepted(gateway.address, workspace, topic, ['after']);
  const again = await joinWhenFree(gateway.address, workspace, 'one');
  using _ = again;
  const texts = await take(again, 1);
  while (texts.at(-1) !== 'after') texts.push(...(await take(again, 1)));
  expect(texts.length).toBeLessThan(1000);
  expect([...bodies(1000), 'after'].slice(-texts.length)).toEqual(texts);
});

/** Whether a copy says that the owner has everything there is. */
const isCopied = async (owner: string): Promise<boolean> => {
  const client = new Client({ connectionString: services.postgres.url });
  await client.connect();
  const { rows } = await client.query<{ positions: Record<string, string> }>(
    'select positions from aether_cursor where owner like $1',
    [`% ${owner}`],
  );
  await client.end();
  return rows.some(({ positions }) => Number(positions[owner]?.split(':')[0]) > 0);
};

test('connections on ten thousand distinct topics, and messages to each, make no object in the broker', async () => {
  await using fabric = new ProcessFabric('stack', services);
  const gateway = await fabric.start();
  const workspace = unique('topics');
  await sendAll(gateway.address, workspace, `ag::${workspace}::raw::warm`, bodies(1));
  const before = (await services.rabbitmq.queues()).toSorted();
  expect(before.length).toBeGreaterThan(0);
  const names = Array.from({ length: 10_000 }, (_, index) => `t${index}`);
  for (let from = 0; from < names.length; from += 500) {
    const clients = names.slice(from, from + 500).map((name) => {
      const client = new RawClient(gateway.address);
      client.say(agentInit(workspace, name));
      return client;
    });
    await Promise.all(clients.map((client) => client.find('connectionAck')));
    for (const client of clients) client.halfClose();
    const codes = (await Promise.all(clients.map(({ ended }) => ended))).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set([0]));
    for (const client of clients) client[Symbol.dispose]();
  }
  for (const name of names.filter((_, index) => index % 100 === 0))
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::${name}`, bodies(1));
  expect((await services.rabbitmq.queues()).toSorted()).toEqual(before);
});
