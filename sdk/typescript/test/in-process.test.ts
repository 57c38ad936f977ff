import { afterAll, expect, test } from 'vitest';
import { connectAgent, connectUser, inProcessTransport } from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
afterAll(() => gateway[Symbol.asyncDispose]());
const transport = inProcessTransport(() => gateway.fabric.connect());

test('a client in the gateway’s own process is a client like any other', async () => {
  await using near = await connectAgent({ transport, workspace: 'ws', implementation: 'i', specifier: 'near' });
  await using far = await connectAgent({
    address: gateway.address,
    workspace: 'ws',
    implementation: 'i',
    specifier: 'far',
  });
  far.onMessage((message) => far.reply(message, `${message.text()} back`));
  await near.send(far.topic, 'there and');
  for await (const message of near.messages()) {
    expect(message.text()).toBe('there and back');
    break;
  }
  await expect(
    connectAgent({ transport, workspace: 'ws', implementation: 'i', specifier: 'near' }),
  ).rejects.toMatchObject({ reason: 'DUPLICATE_IDENTITY' });
});

test('what it does with a payload does not touch anyone else’s', async () => {
  await using sender = await connectAgent({ transport, workspace: 'ws', implementation: 'i', specifier: 's' });
  await using one = await connectUser({ transport, userId: 'u1', workspace: 'ws' });
  await using two = await connectUser({ transport, userId: 'u2', workspace: 'ws' });
  const mine = new TextEncoder().encode('shared');
  await sender.send('gu::ws', mine);
  mine.fill(0);
  for await (const message of one.messages()) {
    expect(message.text()).toBe('shared');
    message.payload.fill(0);
    break;
  }
  for await (const message of two.messages()) {
    expect(message.text()).toBe('shared');
    break;
  }
});

test('10,000 messages arrive in order', async () => {
  await using sender = await connectAgent({ transport, workspace: 'ws', implementation: 'i', specifier: 'from' });
  await using receiver = await connectAgent({ transport, workspace: 'ws', implementation: 'i', specifier: 'to' });
  const wanted = 10_000;
  const sent = (async () => {
    for (let index = 0; index < wanted; index += 1) await sender.send(receiver.topic, String(index));
  })();
  let next = 0;
  for await (const message of receiver.messages()) {
    expect(Number(message.text())).toBe(next);
    next += 1;
    if (next === wanted) break;
  }
  await sent;
});
