import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { processesOf } from '../../scripts/services/instance.ts';
import { isAlive, type ProcessRecord, treeOf } from '../../scripts/services/process.ts';
import { processTable } from '../../scripts/services/process-table.ts';
import { redisReply } from '../../scripts/services/redis.ts';
import { openServices, type Services } from '../../scripts/services/services.ts';
import { readState } from '../../scripts/services/state.ts';
import { makeDirectory, removeDirectory } from './directory.ts';

const startMs = 120_000;

const recordsIn = (directory: string): ProcessRecord[] => {
  const state = readState(directory);
  return state === undefined ? [] : processesOf(state);
};

async function canConnect(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  // The server's end of the connection may be killed under it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Processes that name the directory in their arguments, environment or working folder. */
const processesAt = (directory: string): number[] =>
  processTable
    .rows()
    .filter(({ condition, pid }) => condition !== 'ended' && pid !== process.pid)
    .map(({ pid }) => pid)
    .filter((pid) => ['cmdline', 'environ'].some((file) => readProc(pid, file).includes(directory)));

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function inDirectory(): string {
  const directory = makeDirectory();
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

describe('all services', { timeout: startMs }, () => {
  let directory: string;
  let services: Services;

  beforeAll(async () => {
    directory = makeDirectory();
    services = await openServices({ directory });
  }, startMs);

  afterAll(() => services[Symbol.asyncDispose](), startMs);

  it('tells where they are', () => {
    const { redis, cluster, rabbitmq, postgres } = services;
    expect(services.environment).toEqual({
      AETHER_TEST_REDIS: `127.0.0.1:${redis.port}`,
      AETHER_TEST_REDIS_CLUSTER: cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(','),
      AETHER_TEST_RABBITMQ_STREAM: `rabbitmq-stream://guest:guest@127.0.0.1:${rabbitmq.streamPort}`,
      AETHER_TEST_RABBITMQ_AMQP: `amqp://guest:guest@127.0.0.1:${rabbitmq.amqpPort}`,
      AETHER_TEST_POSTGRES: `postgres://postgres@127.0.0.1:${postgres.port}/postgres`,
    });
    expect(Object.keys(services.readyMs).toSorted()).toEqual(['cluster', 'postgres', 'rabbitmq', 'redis']);
  });

  it('Redis answers', async () => {
    expect(await redisReply(services.redis.port, 'PING')).toBe('+PONG\r\n');
  });

  it('the Redis cluster has all its slots on three masters, also after it was killed', async () => {
    const info = () => redisReply(services.cluster.nodes[1]?.port ?? 0, 'CLUSTER INFO');
    for (const fact of ['cluster_state:ok', 'cluster_slots_ok:16384', 'cluster_size:3'])
      expect(await info()).toContain(fact);
    await services.cluster.kill();
    expect(services.cluster.processIds()).toEqual([]);
    await services.cluster.start();
    expect(await info()).toContain('cluster_state:ok');
  });

  it('RabbitMQ accepts on both ports', async () => {
    expect(await canConnect(services.rabbitmq.streamPort)).toBe(true);
    expect(await canConnect(services.rabbitmq.amqpPort)).toBe(true);
  });

  it('Postgres answers', async () => {
    expect(await query(services.postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('Redis keeps its data through a kill, and loses it by a wipe', async () => {
    const { redis } = services;
    const [pid] = redis.processIds();
    await redisReply(redis.port, 'SET kept yes');
    await redis.kill();
    expect(redis.processIds()).toEqual([]);
    expect(await canConnect(redis.port)).toBe(false);
    await redis.start();
    expect(redis.processIds()).not.toContain(pid);
    expect(await redisReply(redis.port, 'GET kept')).toBe('$3\r\nyes\r\n');
    await redis.wipe();
    expect(await redisReply(redis.port, 'GET kept')).toBe('$-1\r\n');
  });

  it('a paused Redis accepts and says nothing until it is resumed', async () => {
    const { redis } = services;
    await redis.pause();
    expect(await redisReply(redis.port, 'PING')).toBe('');
    await redis.resume();
    expect(await redisReply(redis.port, 'PING')).toBe('+PONG\r\n');
  });

  it('Postgres keeps what is committed through a kill, and stands still while paused', async () => {
    const { postgres } = services;
    await query(postgres.url, 'create table kept as select 7 as value');
    await postgres.kill();
    await postgres.start();
    expect(await query(postgres.url, 'select value from kept')).toEqual([{ value: 7 }]);
    await postgres.pause();
    const answer = query(postgres.url, 'select 2 as two');
    expect(await Promise.race([answer, new Promise((done) => setTimeout(done, 200, 'nothing'))])).toBe('nothing');
    await postgres.resume();
    expect(await answer).toEqual([{ two: 2 }]);
  });

  it('RabbitMQ comes back after a kill and after a stop, on the same ports', async () => {
    const { rabbitmq } = services;
    const [server, epmd] = rabbitmq.processIds();
    await rabbitmq.kill();
    expect(rabbitmq.processIds()).toEqual([epmd]);
    expect(await canConnect(rabbitmq.streamPort)).toBe(false);
    await rabbitmq.start();
    expect(rabbitmq.processIds()).toEqual([expect.not.toSatisfy((pid) => pid === server), epmd]);
    await rabbitmq.stop();
    expect(rabbitmq.processIds()).toEqual([]);
    await rabbitmq.start();
    expect(await canConnect(rabbitmq.amqpPort)).toBe(true);
  });

  it('refuse their directory to another', async () => {
    await expect(openServices({ directory })).rejects.toThrow('in use');
  });

  it('end when disposed, and leave nothing', async () => {
    const records = recordsIn(directory);
    const trees = records.flatMap(treeOf);
    expect(records).toHaveLength(7);
    expect(trees.length).toBeGreaterThan(records.length);
    await services[Symbol.asyncDispose]();
    expect(trees.filter(isAlive)).toEqual([]);
    expect(processesAt(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('some services', { timeout: startMs }, () => {
  it('are those asked for, and leave their data if told so', async () => {
    const directory = inDirectory();
    const services = await openServices({ directory, only: ['redis'], keep: true });
    expect(Object.keys(services.environment)).toEqual(['AETHER_TEST_REDIS']);
    const records = recordsIn(directory);
    await services[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
    expect(records.filter(isAlive)).toEqual([]);
    expect(statSync(join(directory, 'redis', 'log')).size).toBeGreaterThan(0);
  });

  it('end with the signal', async () => {
    const directory = inDirectory();
    const ending = new AbortController();
    const opening = openServices({ directory, signal: ending.signal });
    await expect.poll(() => recordsIn(directory).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(6);
    const records = recordsIn(directory);
    ending.abort();
    await expect(opening).rejects.toThrow('abort');
    expect(records.filter(isAlive)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  it('end when one of them fails, which shows the end of its log', async () => {
    const directory = inDirectory();
    const bin = inDirectory();
    writeFileSync(join(bin, 'redis-server'), '#!/bin/sh\necho no room on this machine\nexit 1\n', { mode: 0o755 });
    vi.stubEnv('PATH', bin + delimiter + (process.env['PATH'] ?? ''));
    onTestFinished(() => void vi.unstubAllEnvs());
    const opening = openServices({ directory, only: ['redis', 'postgres', 'rabbitmq'] });
    await expect(opening).rejects.toThrow(/redis: redis-server ended while it started[^]*no room on this machine/);
    expect(recordsIn(directory).filter(isAlive)).toEqual([]);
    expect(processesAt(directory)).toEqual([]);
  });
});
