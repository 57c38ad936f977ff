/** What the stack runs on is killed and comes back; on a Redis, RabbitMQ and Postgres of this file's own. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPaths } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAgent } from '#sdk';
import { openServices, type Services } from '../../scripts/services/services.ts';
import { unique } from '../flows/fabric.ts';
import { agentInit, RawClient } from '../flows/raw-client.ts';
import { bodies, join, joinWhenFree, sendAll, take } from './agents.ts';
import { ProcessFabric } from './fabrics.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { until } from './until.ts';

let services: Services<'redis' | 'rabbitmq' | 'postgres'>;
beforeAll(async () => {
  const directory = mkdtempSync(joinPaths(tmpdir(), 'aether-dependencies-'));
  services = await openServices({ directory, only: ['redis', 'rabbitmq', 'postgres'] });
});
afterAll(() => services[Symbol.asyncDispose]());

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
