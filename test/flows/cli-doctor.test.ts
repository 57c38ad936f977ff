/** `aether doctor`: good services are fine; of whatever is wrong it says what, and how to mend it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Client } from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { aether } from './aether-command.ts';
import { stackEnvironment, unique } from './fabric.ts';
import { Folder } from './serving.ts';

interface Result {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly detail: string;
  readonly mend?: string;
}

const freePorts = { AETHER_PORT: '0', AETHER_OPS_PORT: '0' };

let folder = new Folder();
afterEach(() => {
  folder[Symbol.dispose]();
  folder = new Folder();
});

const examine = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
  const { code, stdout, stderr } = await aether(['doctor', '--json', ...args], { env: { ...freePorts, ...env } });
  expect(stderr.split('\n').filter((line) => line.startsWith('aether:'))).toEqual([]);
  const { mode, results } = JSON.parse(stdout) as { mode: string; results: readonly Result[] };
  const of = (name: string): Result | undefined => results.find((result) => result.name === name);
  return { code, mode, of, all: stdout + stderr, ill: results.filter(({ status }) => status === 'error') };
};

describe('of the embedded fabric', () => {
  const env = () => ({ AETHER_DATA_DIR: folder.file('data') });

  test('on a machine that has what it needs is content and exits with 0', async () => {
    const { code, mode, of, ill } = await examine([], env());
    expect({ code, mode, ill }).toEqual({ code: 0, mode: 'embedded', ill: [] });
    expect(of('node')?.detail).toContain(process.version);
    expect(of('data directory')?.detail).toBe(`${folder.file('data')} can be made`);
  });

  test('tells people line by line', async () => {
    const { code, stdout } = await aether(['doctor'], { env: { ...freePorts, ...env() } });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stdout).toMatch(/^ok\s+node\s+Node v\d+/);
  });

  test.each([
    ['AETHER_PORT', 'gRPC port', '--port'],
    ['AETHER_OPS_PORT', 'ops port', '--ops-port'],
  ])('a busy %s is named, with the flag for another', async (variable, name, flag) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { code, ill } = await examine([], { ...env(), [variable]: String(port) });
    server.close();
    expect(code).toBe(1);
    expect(ill).toEqual([
      {
        name,
        status: 'error',
        detail: expect.stringContaining(`EADDRINUSE: address already in use 127.0.0.1:${port}`) as string,
        mend: expect.stringContaining(flag) as string,
      },
    ]);
  });

  test('a data directory that is a file is of no use', async () => {
    writeFileSync(folder.file('data'), '');
    const { code, ill } = await examine([], env());
    expect(code).toBe(1);
    expect(ill).toMatchObject([{ name: 'data directory', mend: expect.stringContaining('--data-dir') as string }]);
  });

  test('settings that cannot be read are refused as by a gateway', async () => {
    const { code, stderr } = await aether(['doctor', '--config', '/no/such.yaml']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^aether: \/no\/such\.yaml: /);
  });
});

describe('of the stack', () => {
  const good = stackEnvironment(unique('doctor'));
  const with_ = (env: Readonly<Record<string, string>> = {}) =>
    examine(['--config', 'configs/stack.yaml'], { ...good, ...env });
  const withPassword = (url = '', password = ''): string => {
    const changed = new URL(url);
    changed.password = password;
    return changed.href;
  };
  const at = (url = '', port = '1'): string => {
    const changed = new URL(url);
    changed.port = port;
    return changed.href;
  };

  test('with all services up is content, with their versions, and exits with 0', async () => {
    const { code, mode, of, ill } = await with_();
    expect({ code, mode, ill }).toEqual({ code: 0, mode: 'stack', ill: [] });
    expect(of('redis')?.detail).toMatch(/^Redis \d+\.\d+/);
    expect(of('rabbitmq')?.detail).toMatch(/^RabbitMQ \d+\.\d+.* with streams/);
    expect(of('postgresql')?.detail).toMatch(/^Postgres \d+/);
  });

  test.each<[string, Readonly<Record<string, string>>, Pick<Result, 'name' | 'detail' | 'mend'>]>([
    [
      'Redis is not there',
      { REDIS_ADDR: '127.0.0.1:1' },
      { name: 'redis', detail: 'Redis cannot be reached', mend: '--redis host:port (now 127.0.0.1:1)' },
    ],
    [
      'Redis refuses the login',
      { REDIS_USERNAME: 'nobody', REDIS_PASSWORD: 'hunter2' },
      { name: 'redis', detail: 'Redis refuses the credentials', mend: 'REDIS_PASSWORD' },
    ],
    [
      'RabbitMQ is not there',
      { AMQP_URL: at(good['AMQP_URL']), STREAM_URL: at(good['STREAM_URL']) },
      { name: 'rabbitmq', detail: 'RabbitMQ at 127.0.0.1:1 cannot be reached over AMQP', mend: 'start RabbitMQ' },
    ],
    [
      'RabbitMQ refuses the login over AMQP',
      { AMQP_URL: withPassword(good['AMQP_URL'], 'hunter2') },
      { name: 'rabbitmq', detail: 'does not let user "guest" into virtual host "/" over AMQP', mend: '--amqp-url' },
    ],
    [
      'RabbitMQ refuses the login over the stream protocol',
      { STREAM_URL: withPassword(good['STREAM_URL'], 'hunter2') },
      { name: 'rabbitmq', detail: 'refuses user "guest" with this password', mend: '--stream-url' },
    ],
    [
      'RabbitMQ has no stream plugin',
      { STREAM_URL: at(good['STREAM_URL']) },
      {
        name: 'rabbitmq',
        detail: 'is the plugin enabled (rabbitmq-plugins enable rabbitmq_stream)?',
        mend: 'rabbitmq-plugins enable rabbitmq_stream',
      },
    ],
    [
      'Postgres is not there',
      { POSTGRES_PORT: '1' },
      { name: 'postgresql', detail: 'Postgres at 127.0.0.1:1/postgres cannot be reached', mend: '--db-port' },
    ],
    [
      'Postgres refuses the login',
      { POSTGRES_USER: 'nobody', POSTGRES_PASSWORD: 'hunter2' },
      { name: 'postgresql', detail: 'refuses the login: check user and password', mend: '--db-password' },
    ],
    [
      'the database was not made',
      { POSTGRES_DB: 'not_made' },
      { name: 'postgresql', detail: 'does not have the database', mend: 'createdb not_made' },
    ],
  ])('when %s says so, how to mend it, and exits with 1', async (_, env, { name, detail, mend = '' }) => {
    const { code, ill, all } = await with_(env);
    expect(code).toBe(1);
    expect(ill.map((result) => result.name)).toEqual([name]);
    expect(ill[0]?.detail).toContain(detail);
    expect(ill[0]?.mend).toContain(mend);
    expect(all).not.toContain('hunter2');
  });

  test('changes nothing: a database that was empty stays so', async () => {
    const name = `doctor_${process.pid}`;
    const server = { host: good['POSTGRES_HOST'], port: Number(good['POSTGRES_PORT']), user: good['POSTGRES_USER'] };
    const administrator = new Client({ ...server, database: 'postgres' });
    await administrator.connect();
    await administrator.query(`create database ${name}`);
    expect((await with_({ POSTGRES_DB: name })).ill).toEqual([]);
    const visitor = new Client({ ...server, database: name });
    await visitor.connect();
    expect((await visitor.query(`select tablename from pg_tables where schemaname = 'public'`)).rows).toEqual([]);
    await visitor.end();
    await administrator.query(`drop database ${name}`);
    await administrator.end();
  });

  test('says all that is wrong at once', async () => {
    const { code, ill } = await with_({ REDIS_ADDR: '127.0.0.1:1', POSTGRES_PORT: '1' });
    expect(code).toBe(1);
    expect(ill.map(({ name }) => name)).toEqual(['redis', 'postgresql']);
  });
});
