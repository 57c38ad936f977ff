/** `aether up` and `aether gateway` as people start and stop them. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { agentTopic, connectAgent } from '#sdk';
import { Signal_SignalType as SignalType } from '../../src/gen/aether/v1/connection.ts';
import { until } from '../faults/until.ts';
import { AetherCommand, aether } from './aether-command.ts';
import { selfSigned } from './certificate.ts';
import { stackEnvironment, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Folder, serve } from './serving.ts';
import { Taking } from './taking.ts';

const unavailable = 14;
const signals = ['SIGTERM', 'SIGINT'] as const;

let folder = new Folder();
afterEach(() => {
  folder[Symbol.dispose]();
  folder = new Folder();
});

const up = (name = 'data'): readonly string[] => ['up', '--data-dir', folder.file(name)];

const counted = async (ops: string, name: string): Promise<number> => {
  const page = await (await fetch(`${ops}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

const busyPort = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return { port: String(address.port), [Symbol.dispose]: () => void server.close() };
};

describe('aether up', () => {
  test('says first where it serves, as JSON for scripts, and serves there', async () => {
    await using gateway = await serve(up());
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(gateway.announcement).toMatchObject({ event: 'up', mode: 'embedded', version });
    expect((await fetch(`${gateway.announcement.ops}/health/ready`)).status).toBe(200);
    expect(existsSync(folder.file('data/messages.db'))).toBe(true);
    using client = new RawClient(gateway.announcement.grpc);
    client.say(agentInit('w', 'x'));
    await client.find('connectionAck');
  });

  test('says to people where it serves and what to try', async () => {
    await using gateway = new AetherCommand([...up(), '--port', '0', '--ops-port', '0']);
    expect(await gateway.line(0)).toMatch(/^Aether Fabric \d+\.\d+\.\d+ is up \(embedded: data in .*\)\.$/);
    expect(await gateway.line(1)).toMatch(/clients {3}127\.0\.0\.1:\d+$/);
    expect(await gateway.line(2)).toMatch(/health {4}http:\/\/127\.0\.0\.1:\d+\/health\/ready$/);
  });

  test.each(signals)('at %s drains: clients are told to come back elsewhere, and it exits with 0', async (signal) => {
    await using gateway = await serve(up());
    using client = new RawClient(gateway.announcement.grpc);
    client.say(agentInit('w', 'x'));
    client.say(send('ag::w::raw::other', 'kept'));
    await client.find('config');
    gateway.command.signal(signal);
    expect(await client.find('signal')).toMatchObject({ type: SignalType.GRACEFUL_DISCONNECT });
    expect(await client.ended).toMatchObject({ code: unavailable });
    const { code, stderr } = await gateway.command.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"event":"stopped"');
    await using again = await serve(up());
    using other = new RawClient(again.announcement.grpc);
    other.say(agentInit('w', 'other'));
    expect(Buffer.from((await other.find('msg')).payload).toString()).toBe('kept');
  });

  test.each(signals)('at a second signal, after %s, ends at once', async (signal) => {
    await using gateway = await serve(up());
    using reader = new RawClient(gateway.announcement.grpc);
    reader.say(agentInit('w', 'stuck'));
    await reader.find('connectionAck');
    reader.pause();
    // More than the transport takes for one who does not read: what is left has to be waited for.
    for (let index = 0; index < 30; index += 1) reader.say(send('ag::w::raw::stuck', new Uint8Array(256 * 1024)));
    const delivered = () => counted(gateway.announcement.ops, 'aether_messages_delivered_total');
    await until(async () => (await delivered()) >= 2, 'the outbox is full');
    gateway.command.signal(signal);
    await gateway.command.logged('"event":"stopping"');
    gateway.command.signal('SIGINT');
    const { code, stderr } = await gateway.command.ended;
    expect(code).toBe(1);
    expect(stderr).not.toContain('"event":"stopped"');
  });

  test('two beside each other on one machine have nothing to do with each other', async () => {
    await using one = await serve(up('one'));
    await using two = await serve(up('two'));
    const identity = { workspace: 'w', implementation: 'i', specifier: 's' };
    await using first = await connectAgent({ address: one.announcement.grpc, ...identity });
    await using second = await connectAgent({ address: two.announcement.grpc, ...identity });
    const [atFirst, atSecond] = [new Taking(first), new Taking(second)];
    await first.send(agentTopic('w', 'i', 's'), 'in the first');
    await second.send(agentTopic('w', 'i', 's'), 'in the second');
    expect([await atFirst.texts(1), await atSecond.texts(1)]).toEqual([['in the first'], ['in the second']]);
  });
});

describe('a gateway that cannot start says why in one line', () => {
  const refusal = async (args: readonly string[], env = {}) => {
    const { code, stdout, stderr } = await aether(args, { env });
    expect(stdout).toBe('');
    expect(stderr.split('\n')).toHaveLength(1);
    return { code, stderr };
  };

  test.each(['0.0.0.0', '::', '192.0.2.1'])(
    'on the address %s, which others reach, without --insecure',
    async (host) => {
      const { code, stderr } = await refusal([...up(), '--host', host]);
      expect(code).toBe(2);
      expect(stderr).toContain(`refusing to listen on ${host}: there is no access control yet`);
      expect(stderr).toContain('--insecure');
      expect(existsSync(folder.file('data'))).toBe(false);
    },
  );

  test('but not for that reason with it', async () => {
    // An address of documentation, which no machine has: nothing is opened to anybody.
    const args = [...up(), '--host', '192.0.2.1', '--insecure', '--port', '0', '--ops-port', '0'];
    expect((await refusal(args)).stderr).toContain('cannot listen on 192.0.2.1:0: listen EADDRNOTAVAIL');
  });

  test.each([
    ['port', 'ops-port', 'choose another with --port'],
    ['ops-port', 'port', 'for health and metrics'],
  ])('when --%s is taken', async (taken, free, said) => {
    using busy = await busyPort();
    const { code, stderr } = await refusal([...up(), `--${taken}`, busy.port, `--${free}`, '0']);
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${busy.port}`);
    expect(stderr).toContain('EADDRINUSE');
    expect(stderr).toContain(said);
  });

  test('when another gateway has its data directory', async () => {
    await using _ = await serve(up());
    const { code, stderr } = await refusal([...up(), '--port', '0', '--ops-port', '0']);
    expect(code).toBe(1);
    expect(stderr).toContain(`${folder.file('data/messages.db')} is in use by another process`);
    expect(stderr).toContain('a data directory of its own');
  });

  test.each([
    [['--tls'], 'TLS needs a certificate and its key: --cert-file and --key-file'],
    [['--tls', '--cert-file', '/no/such.pem', '--key-file', '/no/such.key'], 'cannot read /no/such.pem'],
    [['--config', '/no/such.yaml'], '/no/such.yaml'],
    [['--port', 'abc'], '--port: gateway.port'],
  ])('when its settings are wrong: %j', async (flags, said) => {
    const { code, stderr } = await refusal([...up(), ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(said);
  });

  test('when the environment or the file are wrong, by name', async () => {
    expect((await refusal(up(), { AETHER_PORT: 'x' })).stderr).toContain('AETHER_PORT: gateway.port');
    writeFileSync(folder.file('bad.yaml'), 'gateway:\n  prot: 1\n');
    const { code, stderr } = await refusal([...up(), '--config', folder.file('bad.yaml')]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `aether: ${folder.file('bad.yaml')}: gateway: unknown setting prot`,
    });
  });
});

describe('settings', () => {
  test('of the file are overruled by the environment, and that by flags', async () => {
    writeFileSync(folder.file('some.yaml'), 'gateway:\n  id: from-file\n');
    const args = [...up(), '--config', folder.file('some.yaml')];
    const env = { AETHER_GATEWAY_ID: 'from-environment' };
    const idOf = async (given: readonly string[], options = {}): Promise<string> => {
      await using gateway = await serve(given, options);
      return gateway.announcement.gateway;
    };
    expect(await idOf(args)).toBe('from-file');
    expect(await idOf(args, { env })).toBe('from-environment');
    expect(await idOf([...args, '--gateway-id', 'from-flag'], { env })).toBe('from-flag');
    expect(await idOf(up(), { env: { AETHER_CONFIG: folder.file('some.yaml') } })).toBe('from-file');
  });
});

describe('over TLS', () => {
  test('a client that trusts the authority connects, one that does not is told', async () => {
    const { certificate, key } = selfSigned();
    await using gateway = await serve([...up(), '--tls', '--cert-file', certificate, '--key-file', key]);
    const address = gateway.announcement.grpc;
    await using client = await connectAgent({
      address,
      tls: { ca: readFileSync(certificate) },
      workspace: 'w',
      implementation: 'i',
      specifier: 's',
    });
    const taking = new Taking(client);
    const sent = await aether(['send', client.topic, 'over TLS', '--address', address, '--tls-ca', certificate]);
    expect(sent.code).toBe(0);
    expect(await taking.texts(1)).toEqual(['over TLS']);
    const { code, stderr } = await aether(['send', client.topic, 'plain', '--address', address]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot connect to ${address}`);
  });
});

describe('aether gateway', () => {
  /** What a private service of this run is at, as flags; the prefixes have none. */
  const given = (prefix: string) => {
    const environment = stackEnvironment(prefix);
    const { REDIS_ADDR = '', AMQP_URL = '', POSTGRES_HOST = '', POSTGRES_PORT = '', ...env } = environment;
    const flags = [
      '--redis',
      REDIS_ADDR,
      '--amqp-url',
      AMQP_URL,
      '--db-host',
      POSTGRES_HOST,
      '--db-port',
      POSTGRES_PORT,
    ];
    return { args: ['gateway', '--config', 'configs/stack.yaml', ...flags], env };
  };

  test('with the example file, flags and the environment: two serve one fabric beside each other', async () => {
    const { args, env } = given(unique('cli'));
    await using one = await serve([...args, '--gateway-id', 'one'], { env });
    await using two = await serve([...args, '--gateway-id', 'two'], { env });
    expect(one.announcement).toMatchObject({ mode: 'stack', gateway: 'one' });
    expect((await fetch(`${two.announcement.ops}/health/ready`)).status).toBe(200);
    const tail = new AetherCommand([
      'tail',
      'ag::w::i::s',
      '--count',
      '1',
      '--json',
      '--address',
      two.announcement.grpc,
    ]);
    const sent = await aether(['send', 'ag::w::i::s', 'across', '--json', '--address', one.announcement.grpc]);
    expect(JSON.parse(sent.stdout)).toEqual({ event: 'durable', topic: 'ag::w::i::s', bytes: 6 });
    expect(JSON.parse((await tail.ended).stdout)).toMatchObject({ text: 'across' });
    for (const gateway of [one, two]) gateway.command.signal('SIGTERM');
    for (const gateway of [one, two]) expect((await gateway.command.ended).code).toBe(0);
  });

  test('that cannot reach a service says which, in one line', async () => {
    const { args, env } = given(unique('cli'));
    const { code, stderr } = await aether([...args, '--port', '0', '--ops-port', '0', '--db-port', '1'], { env });
    expect(code).toBe(1);
    expect(stderr.split('\n').at(-1)).toMatch(/^aether: Postgres at 127\.0\.0\.1:1\/postgres cannot be reached/);
  });
});

describe('help', () => {
  test.each([
    [['--help'], ['up', 'gateway', 'send', 'tail', 'who', 'doctor']],
    [
      ['up', '--help'],
      ['--data-dir', '--port', '--insecure', '[env AETHER_PORT]', '--json'],
    ],
    [
      ['gateway', '--help'],
      ['--redis', '--stream-url', '--amqp-url', '--db-host', '--ops-port', '--config'],
    ],
    [
      ['send', '--help'],
      ['--as', '--type', '--address', '[payload]'],
    ],
    [
      ['tail', '--help'],
      ['--count', '<identity>'],
    ],
    [
      ['who', '--help'],
      ['[prefix]', '--json'],
    ],
    [
      ['doctor', '--help'],
      ['--config', '--json'],
    ],
  ])('%j is on standard output and exits with 0', async (args, said) => {
    const { code, stdout, stderr } = await aether(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const part of said) expect(stdout.replaceAll(/\s+/g, ' ')).toContain(part);
  });

  test('aether up offers nothing of the stack', async () => {
    expect((await aether(['up', '--help'])).stdout).not.toMatch(/--redis|--db-host|--amqp-url/);
  });

  test.each([
    [['up', '--nonsense'], "error: unknown option '--nonsense'"],
    [['up', '--redis', 'x:1'], "error: unknown option '--redis'"],
    [['nonsense'], "error: unknown command 'nonsense'"],
    [['send'], "error: missing required argument 'topic'"],
  ])('%j is refused with a line and 2', async (args, line) => {
    const { code, stdout, stderr } = await aether(args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `${line}\n(see --help)` });
  });

  test('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await aether(['--version'])).toEqual({ code: 0, stdout: version, stderr: '' });
  });
});
