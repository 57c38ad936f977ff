import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../../../test/adapters/rabbitmq/tcp-proxy.ts';
import { AetherError, connectAgent, connectUser, isRetryable } from '../src/index.ts';
import { createStores, startGateway } from './gateway.ts';
import { scriptedGateway } from './scripted-gateway.ts';
import { nextStatus } from './status.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

const agent = { workspace: 'ws', implementation: 'impl' };
const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error: unknown) => error,
  );

describe('connecting fails', () => {
  test('for an identity that cannot be one, before anything is sent', async () => {
    const { transport } = scriptedGateway();
    for (const specifier of ['', 'a::b', 'a b', '*', ':a', 'ä'.repeat(65)])
      expect(await failureOf(connectAgent({ ...agent, specifier, transport }))).toMatchObject({
        reason: 'INVALID_IDENTITY',
        code: 'invalid_argument',
      });
  });

  test('for options that cannot be used', async () => {
    const wrong = [{ address: '' }, { address: [] }, { sendTimeoutMs: 0 }, { tls: { ca: 'not PEM', key: 'x' } }];
    for (const options of wrong)
      expect(await failureOf(connectAgent({ ...agent, specifier: 'x', ...options }))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
      });
  });

  test('with the reason of the signal, before and while it tries', async () => {
    const { transport } = scriptedGateway();
    const options = { ...agent, specifier: 'x', transport };
    const before = AbortSignal.abort(new Error('before'));
    await expect(connectAgent({ ...options, signal: before })).rejects.toThrow('before');
    const controller = new AbortController();
    const connecting = failureOf(connectAgent({ ...options, signal: controller.signal }));
    controller.abort(new Error('while'));
    expect(await connecting).toMatchObject({ message: 'while' });
  });

  test('where the gateway does not acknowledge in time', async () => {
    const { transport } = scriptedGateway();
    expect(await failureOf(connectAgent({ ...agent, specifier: 'x', transport, connectTimeoutMs: 20 }))).toMatchObject({
      reason: 'CONNECT_TIMEOUT',
      retryable: true,
    });
  });

  test('with the gateway’s status', async () => {
    const statuses = [
      ['unauthenticated', 'UNAUTHENTICATED', false],
      ['permission_denied', 'PERMISSION_DENIED', false],
      ['already_exists', 'DUPLICATE_IDENTITY', false],
      ['invalid_argument', 'HANDSHAKE_REFUSED', false],
      ['failed_precondition', 'EXTENSION_UNSUPPORTED', false],
      ['resource_exhausted', 'LIMIT_REACHED', true],
      ['unavailable', 'GATEWAY_UNAVAILABLE', true],
      ['data_loss', 'STREAM_ENDED', true],
    ] as const;
    for (const [code, reason, retryable] of statuses) {
      const scripted = scriptedGateway();
      const connecting = failureOf(connectAgent({ ...agent, specifier: 'x', transport: scripted.transport }));
      (await scripted.nextStream()).end({ code, message: 'because' });
      const error = await connecting;
      expect(error).toBeInstanceOf(AetherError);
      expect(error).toMatchObject({ code, reason, message: 'because', retryable });
      expect(isRetryable(error)).toBe(retryable);
    }
  });

  test('where an extension is required and not there', async () => {
    const extensions = [{ uri: 'urn:example:nice' }, { uri: 'urn:example:must', required: true }];
    expect(await failureOf(connectAgent({ ...agent, specifier: 'e1', address, extensions }))).toMatchObject({
      reason: 'EXTENSION_UNSUPPORTED',
    });
    await using client = await connectAgent({ ...agent, specifier: 'e2', address, extensions: [{ uri: 'urn:x' }] });
    expect(client.session.extensions).toMatchObject([
      { uri: 'urn:x', supported: false },
      { uri: 'urn:aether-fabric:batch', supported: true },
      { uri: 'urn:aether-fabric:quotas', supported: true },
    ]);
  });

  test('for a user whose workspace is refused', async () => {
    expect(await failureOf(connectUser({ address, userId: 'u', workspace: 'no such' }))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
    await using user = await connectUser({ address, userId: 'u' });
    expect(user.workspace).toBeUndefined();
  });
});

describe('with waitForGateway', () => {
  test('connecting goes on until there is one', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    proxy.isDown = true;
    const reconnect = { initialBackoffMs: 1, maxBackoffMs: 5 };
    const connecting = connectAgent({
      ...agent,
      specifier: 'w1',
      address: proxy.address,
      waitForGateway: true,
      reconnect,
    });
    proxy.isDown = false;
    await using client = await connecting;
    expect(client.session.resumed).toBe(false);
  });

  test('what waiting does not change is still refused', async () => {
    const scripted = scriptedGateway();
    const connecting = failureOf(
      connectAgent({ ...agent, specifier: 'x', transport: scripted.transport, waitForGateway: true }),
    );
    (await scripted.nextStream()).end({ code: 'unavailable', message: '' });
    (await scripted.nextStream()).end({ code: 'unauthenticated', message: 'no' });
    expect(await connecting).toMatchObject({ reason: 'UNAUTHENTICATED' });
  });
});

describe('the introduction', () => {
  test('carries credentials, asked for anew at each attempt, extensions and the session to resume', async () => {
    const scripted = scriptedGateway();
    let asked = 0;
    const connecting = connectAgent({
      ...agent,
      specifier: 'x',
      transport: scripted.transport,
      credentials: () => ({ apiKey: `key-${(asked += 1)}`, token: 'task', bearer: 'jwt' }),
      extensions: [{ uri: 'urn:x', version: '1', jsonSchema: '{}' }],
      batch: false,
    });
    const stream = await scripted.nextStream();
    expect(await stream.next()).toMatchObject({
      $case: 'init',
      value: {
        clientType: { $case: 'agent', value: { workspace: 'ws', implementation: 'impl', specifier: 'x' } },
        credentials: new Map([
          ['x-api-key', 'key-1'],
          ['token', 'task'],
          ['authorization', 'Bearer jwt'],
        ]),
        resumeSessionId: '',
        extensions: [
          { uri: 'urn:x', version: '1', required: false, jsonSchema: '{}' },
          { uri: 'urn:aether-fabric:quotas', version: '', required: false, jsonSchema: '' },
        ],
        clientSdk: 'ts',
      },
    });
    stream.acknowledge('first');
    const client = await connecting;
    stream.end({ code: 'unavailable', message: '' });
    const again = await scripted.nextStream();
    expect(await again.next()).toMatchObject({
      value: {
        resumeSessionId: 'first',
        credentials: new Map([
          ['x-api-key', 'key-2'],
          ['token', 'task'],
          ['authorization', 'Bearer jwt'],
        ]),
      },
    });
    await client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test('without credentials to be had is not made', async () => {
    const { transport } = scriptedGateway();
    const credentials = () => Promise.reject(new Error('token server is down'));
    expect(await failureOf(connectAgent({ ...agent, specifier: 'x', transport, credentials }))).toMatchObject({
      reason: 'CREDENTIALS_FAILED',
      retryable: true,
      message: 'no credentials: token server is down',
    });
  });
});

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aether-sdk-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);
  const tool = 'openssl';
  const openssl = (...parts: string[]): void => void execFileSync(tool, parts, { cwd: folder, stdio: 'ignore' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=gateway.test',
    '-addext',
    'subjectAltName=DNS:gateway.test',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
  );
  const [certificate, key] = [readFileSync(file('cert.pem')), readFileSync(file('key.pem'))];

  test('trusts the authority and checks the name it is told', async () => {
    await using secured = await startGateway({ stores: createStores(), tls: { certificate, key } });
    const options = { ...agent, address: secured.address };
    await using client = await connectAgent({
      ...options,
      specifier: 't1',
      tls: { ca: certificate.toString(), serverName: 'gateway.test' },
    });
    await client.send(client.topic, 'secret');
    for await (const message of client.messages()) {
      expect(message.text()).toBe('secret');
      break;
    }
    const refused = [{ tls: true }, { tls: { ca: certificate } }, {}];
    for (const tls of refused)
      expect(await failureOf(connectAgent({ ...options, specifier: 't2', ...tls }))).toMatchObject({
        code: 'unavailable',
      });
  });

  test('shows a certificate of its own where the gateway asks for one', async () => {
    const tls = { certificate, key, clientCa: certificate };
    await using secured = await startGateway({ stores: createStores(), tls });
    const options = { ...agent, address: secured.address, specifier: 't3' };
    const trust = { ca: certificate, serverName: 'gateway.test' };
    await using client = await connectAgent({ ...options, tls: { ...trust, certificate, key } });
    expect(client.session.resumed).toBe(false);
    expect(await failureOf(connectAgent({ ...options, specifier: 't4', tls: trust }))).toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('a reconnecting client refused', () => {
  const reconnect = { initialBackoffMs: 1, maxBackoffMs: 1 };
  const connected = async () => {
    const scripted = scriptedGateway();
    const connecting = connectAgent({ ...agent, specifier: 'x', transport: scripted.transport, reconnect });
    const stream = await scripted.nextStream();
    stream.acknowledge('session');
    return { scripted, stream, client: await connecting };
  };

  test('for good gives up', async () => {
    for (const code of [
      'permission_denied',
      'unauthenticated',
      'invalid_argument',
      'not_found',
      'unimplemented',
    ] as const) {
      const { scripted, stream, client } = await connected();
      stream.end({ code: 'unavailable', message: '' });
      (await scripted.nextStream()).end({ code, message: 'no' });
      expect(await client.closed).toMatchObject({ by: 'failure', error: { code } });
    }
  });

  test('for another reason, or ended with OK, tries again', async () => {
    const { scripted, stream, client } = await connected();
    stream.end({ code: 'ok', message: '' });
    for (const code of [
      'cancelled',
      'internal',
      'resource_exhausted',
      'deadline_exceeded',
      'failed_precondition',
    ] as const)
      (await scripted.nextStream()).end({ code, message: '' });
    const back = nextStatus(client, 'connected');
    const last = await scripted.nextStream();
    last.acknowledge('second', { resumed: true });
    expect(await back).toMatchObject({ resumed: true, reconnections: 1 });
    await client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  });

  test('because its own session seems to be there tries for a while', async () => {
    const { scripted, stream, client } = await connected();
    stream.end({ code: 'unavailable', message: '' });
    for (let attempt = 0; attempt <= 10; attempt += 1)
      (await scripted.nextStream()).end({ code: 'already_exists', message: 'taken' });
    expect(await client.closed).toMatchObject({ by: 'failure', error: { reason: 'DUPLICATE_IDENTITY' } });
  });
});
