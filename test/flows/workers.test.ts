/** `aether gateway --workers`: several processes behind one port, as people start, stop and kill them. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connectAgent } from '#sdk';
import { Signal_SignalType as SignalType } from '../../src/gen/aether/v1/connection.ts';
import { bodies, join, joinWhenFree, sendAll, take } from '../faults/agents.ts';
import { until } from '../faults/until.ts';
import { AetherCommand, aether } from './aether-command.ts';
import { selfSigned } from './certificate.ts';
import { stackEnvironment, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { type Announcement, type Serving, serve } from './serving.ts';
import { Taking } from './taking.ts';

const unavailable = 14;

interface WorkersAnnouncement extends Announcement {
  readonly workers: readonly { readonly worker: number; readonly gateway: string; readonly pid: number }[];
}

interface Supervised extends Serving {
  readonly announcement: WorkersAnnouncement;
  readonly env: Readonly<Record<string, string>>;
}

const supervise = async (flags: readonly string[] = [], count = 2): Promise<Supervised> => {
  const env = stackEnvironment(unique('workers'));
  const serving = await serve(['gateway', '--workers', String(count), ...flags], { env });
  return { ...serving, announcement: serving.announcement as WorkersAnnouncement, env };
};

const pageOf = async (ops: string): Promise<readonly string[]> =>
  (await (await fetch(`${ops}/metrics`)).text()).split('\n');

/** What each worker says of a measure, by its number. */
const measured = async (ops: string, name: string): Promise<Readonly<Record<string, number>>> => {
  const found: Record<string, number> = {};
  for (const line of await pageOf(ops)) {
    const [, worker = ''] = new RegExp(`^${name}{worker="(\\d+)"`).exec(line) ?? [];
    if (worker !== '') found[worker] = (found[worker] ?? 0) + Number(line.split(' ').at(-1));
  }
  return found;
};

const connections = 'aether_active_connections';

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const gone = ({ announcement: { workers } }: Supervised): Promise<void> =>
  until(() => !workers.some(({ pid }) => isThere(pid)), 'no worker is left');

const readinessOf = async (ops: string) => {
  const response = await fetch(`${ops}/health/ready`);
  const { checks } = (await response.json()) as { checks: Readonly<Record<string, { status: string }>> };
  const ill = Object.entries(checks).flatMap(([name, { status }]) => (status === 'ok' ? [] : [name]));
  return { code: response.status, names: Object.keys(checks), ill };
};

/** Agents `a0`, `a1` … of a workspace. */
/**
 * One after the other, in turns: a worker that answers for its connections has said before that it took the last one, so
 * none is passed over for being busy.
 */
const joinAll = async ({ grpc, ops }: { grpc: string; ops: string }, workspace: string, count: number) => {
  const agents: Awaited<ReturnType<typeof join>>[] = [];
  for (let index = 0; index < count; index += 1) {
    agents.push(await join(grpc, workspace, `a${index}`));
    await measured(ops, connections);
  }
  return agents;
};

const topic = (workspace: string, index: number): string => `ag::${workspace}::raw::a${index}`;

describe('workers', () => {
  test('share what comes in evenly, and messages reach everybody from everybody', async () => {
    await using gateway = await supervise(['--gateway-id', 'node']);
    const { ops, workers } = gateway.announcement;
    expect(workers).toMatchObject([
      { worker: 1, gateway: 'node-1' },
      { worker: 2, gateway: 'node-2' },
    ]);
    const workspace = unique('spread');
    const agents = await joinAll(gateway.announcement, workspace, 6);
    expect(await measured(ops, connections)).toEqual({ 1: 3, 2: 3 });
    for (const [from, { client }] of agents.entries())
      for (const to of agents.keys()) client.say(send(topic(workspace, to), `${from}`));
    const all = agents.map((_, index) => String(index));
    for (const { client } of agents) expect((await take(client, agents.length)).toSorted()).toEqual(all);
    for (const { client } of agents) client[Symbol.dispose]();
  });

  test('are one to who asks for health and metrics', async () => {
    await using gateway = await supervise();
    const { ops } = gateway.announcement;
    const { code, names } = await readinessOf(ops);
    expect(code).toBe(200);
    for (const name of ['gateway', 'redis', 'rabbitmq', 'postgresql'])
      expect(names).toEqual(expect.arrayContaining([`worker-1/${name}`, `worker-2/${name}`]));
    const page = await pageOf(ops);
    expect(page).toEqual(expect.arrayContaining(['aether_workers 2', 'aether_workers_serving 2']));
    expect(page.filter((line) => line.startsWith('# TYPE process_resident_memory_bytes'))).toHaveLength(1);
  });

  test('one that is killed: its clients come back to another, with all they were sent; and one takes its place', async () => {
    await using gateway = await supervise();
    const { grpc, ops, workers } = gateway.announcement;
    const workspace = unique('killed');
    const agents = await joinAll(gateway.announcement, workspace, 4);
    const [victim] = workers;
    if (victim === undefined) throw new Error('no worker');
    const dropped = new Set<number>();
    for (const [index, { client }] of agents.entries()) void client.ended.then(() => dropped.add(index));
    process.kill(victim.pid, 'SIGKILL');
    await until(() => dropped.size === 2, 'its clients are cut off');
    for (const index of agents.keys()) await sendAll(grpc, workspace, topic(workspace, index), bodies(50));
    for (const [index, { client, ack }] of agents.entries()) {
      if (!dropped.has(index)) expect(await take(client, 50)).toEqual(bodies(50));
      else {
        const again = await join(grpc, workspace, `a${index}`, ack.sessionId);
        expect(again.ack.resumed).toBe(true);
        expect(await take(again.client, 50)).toEqual(bodies(50));
        again.client[Symbol.dispose]();
      }
    }
    await gateway.command.logged('worker ended; another takes its place');
    await until(async () => (await readinessOf(ops)).code === 200, 'another one serves');
    expect(await measured(ops, 'aether_worker_restarts_total')).toEqual({ 1: 1, 2: 0 });
    for (const { client } of agents) client[Symbol.dispose]();
  });

  test('all of them killed: the port stays, and who connects meanwhile is served', async () => {
    await using gateway = await supervise();
    const { grpc, workers } = gateway.announcement;
    for (const { pid } of workers) process.kill(pid, 'SIGKILL');
    await gone(gateway);
    using client = new RawClient(grpc);
    client.say(agentInit(unique('patient'), 'a'));
    await client.find('connectionAck');
  });

  test('one that stands still gets no clients beyond the first, and readiness names it', async () => {
    await using gateway = await supervise();
    const { grpc, ops, workers } = gateway.announcement;
    const [still] = workers;
    if (still === undefined) throw new Error('no worker');
    process.kill(still.pid, 'SIGSTOP');
    try {
      const workspace = unique('still');
      const clients = Array.from({ length: 8 }, () => new RawClient(grpc));
      let served = 0;
      for (const [index, client] of clients.entries()) {
        client.say(agentInit(workspace, `a${index}`));
        void client.find('connectionAck').then(
          () => (served += 1),
          () => undefined,
        );
      }
      await until(() => served === 7, 'all but one are served');
      expect(await readinessOf(ops)).toMatchObject({ code: 503, ill: ['worker-1/gateway'] });
      for (const client of clients) client[Symbol.dispose]();
    } finally {
      process.kill(still.pid, 'SIGCONT');
    }
  });

  test('serve TLS', async () => {
    const { certificate, key } = selfSigned();
    await using gateway = await supervise(['--tls', '--cert-file', certificate, '--key-file', key]);
    const identity = { workspace: unique('tls'), implementation: 'raw' };
    const options = { address: gateway.announcement.grpc, tls: { ca: readFileSync(certificate) } };
    await using one = await connectAgent({ ...options, ...identity, specifier: 'a0' });
    await using two = await connectAgent({ ...options, ...identity, specifier: 'a1' });
    const taking = new Taking(two);
    await one.send(topic(identity.workspace, 1), 'over TLS');
    expect(await taking.texts(1)).toEqual(['over TLS']);
  });
});

describe('the end of', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('all of them at %s is a drain', async (signal) => {
    await using gateway = await supervise();
    const agents = await joinAll(gateway.announcement, unique('drain'), 4);
    gateway.command.signal(signal);
    for (const { client } of agents) {
      expect(await client.find('signal')).toMatchObject({ type: SignalType.GRACEFUL_DISCONNECT });
      expect(await client.ended).toMatchObject({ code: unavailable });
    }
    const { code, stderr } = await gateway.command.ended;
    expect(code).toBe(0);
    expect(stderr.match(/"event":"stopped"/g)).toHaveLength(3);
    expect(stderr).not.toContain('another takes its place');
    await gone(gateway);
  });

  test('one worker that is signalled itself is a drain, and one takes its place', async () => {
    await using gateway = await supervise();
    const { workers } = gateway.announcement;
    const agents = await joinAll(gateway.announcement, unique('one'), 2);
    const [first] = workers;
    process.kill(first?.pid ?? 0, 'SIGTERM');
    const { client } = await Promise.race(agents.map((agent) => agent.client.ended.then(() => agent)));
    expect(client.frames.map(({ $case }) => $case)).toContain('signal');
    await gateway.command.logged('another takes its place');
    for (const agent of agents) agent.client[Symbol.dispose]();
  });

  test('all of them at a second signal is at once', async () => {
    await using gateway = await supervise();
    const { grpc, ops } = gateway.announcement;
    const workspace = unique('stuck');
    const { client: reader } = await join(grpc, workspace, 'a0');
    reader.pause();
    // More than the transport takes for one who does not read: what is left has to be waited for.
    for (let index = 0; index < 30; index += 1) reader.say(send(topic(workspace, 0), new Uint8Array(256 * 1024)));
    const delivered = () => measured(ops, 'aether_messages_delivered_total');
    await until(async () => Object.values(await delivered()).some((count) => count >= 2), 'the outbox is full');
    gateway.command.signal('SIGTERM');
    await gateway.command.logged('"event":"stopping"');
    gateway.command.signal('SIGTERM');
    expect((await gateway.command.ended).code).toBe(1);
    await gone(gateway);
    reader[Symbol.dispose]();
  });

  test('the supervisor by SIGKILL leaves no worker and no port behind: clients are told, and the next one starts there', async () => {
    await using gateway = await supervise();
    const { grpc, pid } = gateway.announcement;
    const workspace = unique('orphans');
    const agents = await joinAll(gateway.announcement, workspace, 2);
    process.kill(pid, 'SIGKILL');
    for (const { client } of agents) {
      expect(await client.find('signal')).toMatchObject({ type: SignalType.GRACEFUL_DISCONNECT });
      await client.ended;
    }
    await gone(gateway);
    const [, port = ''] = grpc.split(':');
    const next = ['gateway', '--workers', '2', '--port', port];
    await using again = new AetherCommand([...next, '--ops-port', '0', '--json'], { env: gateway.env });
    expect(JSON.parse(await again.line())).toMatchObject({ event: 'up', grpc });
    (await joinWhenFree(grpc, workspace, 'a0'))[Symbol.dispose]();
  });
});

describe('workers that cannot start', () => {
  const refusal = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { code, stdout, stderr } = await aether([...args, '--workers', '2', '--ops-port', '0'], { env });
    expect(stdout).toBe('');
    return { code, stderr };
  };

  test('as the embedded fabric: it is one process, and says what is many', async () => {
    const { code, stderr } = await refusal(['up', '--port', '0']);
    expect(code).toBe(2);
    expect(stderr).toContain('run `aether gateway --workers 2` on Redis, RabbitMQ and Postgres');
  });

  test('on a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { code, stderr } = await refusal(['gateway', '--port', port], stackEnvironment(unique('taken')));
    server.close();
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`);
  });

  test('for what each of them lacks: it is said once, and nothing is left', async () => {
    const env = stackEnvironment(unique('lacking'));
    const { code, stderr } = await refusal(['gateway', '--port', '0', '--tls'], env);
    expect(code).toBe(2);
    expect(stderr).toBe('aether: TLS needs a certificate and its key: --cert-file and --key-file');
  });

  test.each(['0', '257', 'many'])('when there are to be %s', async (count) => {
    const { code, stderr } = await aether(['gateway', '--workers', count]);
    expect({ code, isNamed: stderr.includes('--workers: gateway.workers') }).toEqual({ code: 2, isNamed: true });
  });
});
