import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../../../test/adapters/rabbitmq/tcp-proxy.ts';
import { connectAgent } from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { scriptedGateway } from './scripted-gateway.ts';
import { nextStatus } from './status.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

const agent = { workspace: 'ws', implementation: 'impl' };

const connected = async () => {
  const scripted = scriptedGateway();
  const connecting = connectAgent({ ...agent, specifier: 'x', transport: scripted.transport });
  const stream = await scripted.nextStream();
  await stream.next();
  stream.acknowledge('session');
  return { scripted, stream, client: await connecting };
};

describe('close()', () => {
  test('resolves when everything sent is with the gateway, however much was on its way', async () => {
    await using receiver = await connectAgent({ ...agent, address, specifier: 'c1' });
    const sender = await connectAgent({ ...agent, address, specifier: 'c2' });
    const wanted = 2000;
    let received = 0;
    const all = Promise.withResolvers<void>();
    receiver.onMessage(() => {
      received += 1;
      if (received === wanted) all.resolve();
    });
    const sends = Array.from({ length: wanted }, (_, index) => sender.send(receiver.topic, String(index)));
    await sender.close();
    await Promise.all(sends);
    await all.promise;
    expect(await sender.closed).toEqual({ by: 'client' });
    expect(sender.currentStatus).toEqual({ state: 'closed', reason: { by: 'client' } });
    await expect(sender.send(receiver.topic, 'late')).rejects.toMatchObject({
      reason: 'CLIENT_CLOSED',
      retryable: false,
    });
    await expect(sender.sync()).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    await sender.close();
    await sender[Symbol.asyncDispose]();
  });

  test('refuses new sends at once, and lets what has arrived be taken', async () => {
    await using other = await connectAgent({ ...agent, address, specifier: 'c3' });
    const client = await connectAgent({ ...agent, address, specifier: 'c4' });
    for (const text of ['0', '1', '2']) await other.send(client.topic, text);
    const texts: string[] = [];
    for await (const message of client.messages()) {
      texts.push(message.text());
      if (texts.length > 1) continue;
      while (client.load.messages < 2) await client.sync();
      const closing = client.close();
      await expect(client.send(other.topic, 'late')).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
      await closing;
    }
    expect(texts).toEqual(['0', '1', '2']);
  });

  test('waits for requests that are unanswered', async () => {
    const client = await connectAgent({ ...agent, address, specifier: 'c5' });
    const asked = client.isOnline(client.identity);
    await client.close();
    expect(await asked).toBe(true);
  });

  test('rejects where the gateway does not confirm in time, and ends the connection', async () => {
    const { stream, client } = await connected();
    await expect(client.close({ timeoutMs: 20 })).rejects.toMatchObject({ reason: 'CLOSE_TIMEOUT' });
    expect(await stream.next()).toBeUndefined();
    expect(await client.closed).toMatchObject({ by: 'failure', error: { reason: 'CLOSE_TIMEOUT' } });
    await client[Symbol.asyncDispose]();
  });

  test('rejects where the connection breaks before the confirmation', async () => {
    const { stream, client } = await connected();
    await client.send(client.topic, 'x');
    const closing = client.close().catch((error: unknown) => error);
    while ((await stream.next()) !== undefined);
    stream.end({ code: 'unavailable', message: 'gone' });
    expect(await closing).toMatchObject({ reason: 'CONNECTION_LOST' });
  });

  test('of a client whose connection is lost comes back to send what waits', async () => {
    const { scripted, stream, client } = await connected();
    const lost = nextStatus(client, 'reconnecting');
    stream.end({ code: 'unavailable', message: '' });
    await lost;
    const sent = client.send(client.topic, 'waiting');
    const closing = client.close();
    const again = await scripted.nextStream();
    expect((await again.next())?.$case).toBe('init');
    again.acknowledge('second');
    expect(await again.next()).toMatchObject({ $case: 'send' });
    expect(await again.next()).toBeUndefined();
    again.end({ code: 'ok', message: '' });
    await Promise.all([sent, closing]);
  });

  test('of a client that is away and has nothing to send ends at once', async () => {
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    const client = await connectAgent({ ...agent, address: proxy.address, specifier: 'c6' });
    const lost = nextStatus(client, 'reconnecting');
    proxy.isDown = true;
    proxy.cut();
    await lost;
    await client.close();
    expect(await client.closed).toEqual({ by: 'client' });
  });

  test('while sends wait behind a gateway that takes none gives them up in the end', async () => {
    const { stream, client } = await connected();
    stream.stopTaking();
    const payload = new Uint8Array(200 * 1024);
    const sends = Promise.allSettled(Array.from({ length: 8 }, () => client.send(client.topic, payload)));
    await expect(client.close({ timeoutMs: 20 })).rejects.toMatchObject({ reason: 'CLOSE_TIMEOUT' });
    const outcomes = (await sends).map(({ status }) => status);
    expect(outcomes).toContain('fulfilled');
    expect(outcomes).toContain('rejected');
  });
});

test('the process ends by itself after close', async () => {
  const program = fileURLToPath(new URL('programs/send-and-close.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', program, address], {
    timeout: 20_000,
  });
  expect(stdout).toBe('received hello\nclosed\n');
});
