import { afterAll, expect, test, vi } from 'vitest';
import { TcpProxy } from '../../../test/adapters/rabbitmq/tcp-proxy.ts';
import { connectAgent } from '../src/index.ts';
import { grpcTransport } from '../src/transport/grpc-transport.ts';
import { startGateway } from './gateway.ts';
import { nextStatus } from './status.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
afterAll(() => gateway[Symbol.asyncDispose]());
const plain = { tls: undefined, keepalive: undefined };

test('the pinned grpc-js is as expected inside', async () => {
  const warn = vi.spyOn(process, 'emitWarning');
  await using client = await connectAgent({
    transport: grpcTransport(plain),
    address: gateway.address,
    workspace: 'ws',
    implementation: 'i',
    specifier: '1',
  });
  await client.sync();
  expect(warn).not.toHaveBeenCalled();
});

test('with another one a client works through its public API, and says so once', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
  const client = await connectAgent({
    transport: grpcTransport(plain, () => undefined),
    address: proxy.address,
    workspace: 'ws',
    implementation: 'i',
    specifier: '2',
    inboxBytesMax: 10_000,
  });
  const echo = async (wanted: number): Promise<void> => {
    const sent = (async () => {
      for (let index = 0; index < wanted; index += 1) await client.send(client.topic, String(index));
    })();
    let next = 0;
    for await (const message of client.messages()) {
      expect(message.text()).toBe(String(next));
      next += 1;
      if (next === wanted) break;
    }
    await sent;
  };
  await echo(2000);
  const back = nextStatus(client, 'connected');
  proxy.cut();
  expect(await back).toMatchObject({ resumed: true });
  await client.close();
  expect(warn).toHaveBeenCalledOnce();
});
