/**
 * The gateway on a grpc-js whose inside is not as it expects: the same stories through the public API, the weakness its
 * header names apart. Nothing else is different, so memory adapters will do.
 */

import { Server, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { agentTopic, connectAgent } from '#sdk';
import { createStores } from '../../sdk/typescript/test/gateway.ts';
import { Authorizer } from '../../src/acl/authorizer.ts';
import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { MemoryMetrics } from '../../src/adapters/memory/memory-metrics.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { systemEntropy } from '../../src/adapters/system/system-entropy.ts';
import { Checkpoints, defaultCheckpointSettings } from '../../src/checkpoints/checkpoints.ts';
import { DeadLetters } from '../../src/dead-letters/dead-letters.ts';
import { Delays } from '../../src/delays/delays.ts';
import { acceptEveryone } from '../../src/gateway/authenticate.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { type ConnectCall, takeInside } from '../../src/gateway/grpc-inside.ts';
import { openGrpcServer } from '../../src/gateway/grpc-server.ts';
import { defaultKvSettings, Kv } from '../../src/kv/kv.ts';
import { noLimits } from '../../src/model/quota.ts';
import { Presence } from '../../src/presence/presence.ts';
import { Quotas } from '../../src/quotas/quotas.ts';
import { Receipts } from '../../src/receipts/receipts.ts';
import { Router } from '../../src/router/router.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

const status = { ok: 0, invalidArgument: 3, resourceExhausted: 8, unavailable: 14 } as const;
const presenceSettings = {
  gatewayId: 'public',
  identityTtlMs: 30_000,
  identityRenewEveryMs: 10_000,
  gatewayTtlMs: 2500,
  gatewayRenewEveryMs: 800,
  marginMs: 500,
};
const warning = 'grpc-js is not as expected inside: serving through its public API, slower, without PING';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const stack of opened.splice(0)) await stack[Symbol.asyncDispose]();
});

/** A gateway that takes calls apart in this way; by default not at all. */
const open = async (inside: typeof takeInside = () => undefined) => {
  const log = new MemoryLog();
  const metrics = new MemoryMetrics();
  const ports = { ...createStores(), clock: systemClock, entropy: systemEntropy, log, metrics };
  const stack = new AsyncDisposableStack();
  const presence = stack.use(await Presence.open(presenceSettings, ports));
  const receipts = stack.use(await Receipts.open(ports));
  const router = stack.use(new Router({ ...ports, receipts, writers: presence }));
  const gateway = new Gateway({
    ...ports,
    presence,
    receipts,
    router,
    deadLetters: new DeadLetters({ ...ports, router }),
    delays: stack.use(new Delays({ ...ports, router })),
    kv: new Kv(ports, defaultKvSettings),
    checkpoints: new Checkpoints(ports, defaultCheckpointSettings),
    quotas: stack.use(await Quotas.open(noLimits, ports)),
    authorizer: new Authorizer(),
    authenticate: acceptEveryone,
    settings: {
      version: 'test',
      slowConsumerMs: 120_000,
      acks: { timeoutMs: 30_000, attemptsMax: 5, outstandingMax: 256, outstandingBytesMax: 4 * 1024 * 1024 },
      delayMaxMs: 2_592_000_000,
    },
  });
  const listen = { host: '127.0.0.1', port: 0, tls: undefined };
  const server = stack.use(await openGrpcServer(listen, { ...ports, gateway }, inside));
  stack.defer(() => gateway.drain({ signal: AbortSignal.timeout(5000) }));
  opened.push(stack);
  return { gateway, log, metrics, address: `127.0.0.1:${server.port}` };
};

const connected = async (address: string, specifier: string): Promise<RawClient> => {
  const client = new RawClient(address);
  client.say(agentInit('w', specifier));
  await client.find('connectionAck');
  return client;
};

describe('which way a call is served', () => {
  test('the pinned grpc-js is as expected inside: no word of another way', async () => {
    const { address, log } = await open(takeInside);
    using client = await connected(address, 'a');
    client.say(send('ag::w::raw::a', 'x'));
    await client.find('msg');
    expect(log.lines.map(({ event }) => event)).not.toContain(warning);
  });

  test('with another the public API is used, which is said once', async () => {
    const { address, log } = await open();
    using one = await connected(address, 'a');
    using two = await connected(address, 'b');
    one.say(send('ag::w::raw::b', 'x'));
    await two.find('msg');
    expect(log.lines.filter(({ event }) => event === warning)).toHaveLength(1);
  });

  test('a call that grpc-js has wrapped is another, is noticed, and left as it was', async () => {
    // Interceptors put an object of their own where the call's stream is looked for.
    const server = new Server({ interceptors: [(_, call) => new ServerInterceptingCall(call)] });
    const seen = Promise.withResolvers<{ readonly inside: unknown; readonly frame: Promise<Buffer> }>();
    const pass = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    const codec = {
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    };
    const path = '/aether.v1.AetherGateway/Connect';
    server.addService(
      { Connect: { path, requestStream: true, responseStream: true, ...codec } },
      {
        Connect: (call: ConnectCall) => {
          const inside = takeInside(call);
          seen.resolve({ inside, frame: new Promise((resolve) => call.once('data', resolve)) });
        },
      },
    );
    const bound = Promise.withResolvers<number>();
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, port) => bound.resolve(port));
    using client = new RawClient(`127.0.0.1:${await bound.promise}`);
    client.bytes(Buffer.from('hello'));
    const { inside, frame } = await seen.promise;
    expect(inside).toBeUndefined();
    expect((await frame).toString()).toBe('hello');
    server.forceShutdown();
  });
});

describe('through the public API', () => {
  test('messages arrive in order both ways, whatever their size', async () => {
    const { address } = await open();
    const agent = (specifier: string) => connectAgent({ address, workspace: 'w', implementation: 'i', specifier });
    await using one = await agent('one');
    await using two = await agent('two');
    const [atOne, atTwo] = [new Taking(one), new Taking(two)];
    const bodies = Array.from({ length: 2000 }, (_, index) => `m${index}`.padEnd(index % 100 === 0 ? 100_000 : 8));
    const sending = (async () => {
      for (const body of bodies) await Promise.all([one.send(two.topic, body), two.send(one.topic, body)]);
    })();
    expect(await Promise.all([atOne.texts(2000), atTwo.texts(2000)])).toEqual([bodies, bodies]);
    await sending;
  });

  test('a half-close is answered with OK once everything is durable, and kept for who was away', async () => {
    const { address } = await open();
    using sender = await connected(address, 'sender');
    for (let index = 0; index < 500; index += 1) sender.say(send('ag::w::raw::late', `m${index}`));
    sender.halfClose();
    expect(await sender.ended).toMatchObject({ code: status.ok });
    using late = await connected(address, 'late');
    for (let index = 0; index < 500; index += 1)
      expect(Buffer.from((await late.find('msg')).payload).toString()).toBe(`m${index}`);
  });

  test('who stops reading is waited for, and then gets everything', async () => {
    const { address, metrics } = await open();
    using slow = await connected(address, 'slow');
    slow.pause();
    using sender = await connected(address, 'sender');
    for (let index = 0; index < 300; index += 1)
      sender.say(send('ag::w::raw::slow', Buffer.concat([Buffer.from(`m${index}`.padEnd(8)), Buffer.alloc(16_384)])));
    sender.halfClose();
    expect(await sender.ended).toMatchObject({ code: status.ok });
    // Not all of what the log has can be on its way to one who does not read: that is what its bound is for.
    expect(metrics.read('aether_messages_delivered_total')).toBeLessThan(200);
    slow.resume();
    for (let index = 0; index < 300; index += 1)
      expect(
        Buffer.from((await slow.find('msg')).payload)
          .toString('utf8', 0, 8)
          .trim(),
      ).toBe(`m${index}`);
  });

  test('a client that vanishes can be resumed at once', async () => {
    const { address } = await open();
    const client = new RawClient(address);
    client.say(agentInit('w', 'a'));
    const { sessionId } = await client.find('connectionAck');
    client.cancel();
    using again = new RawClient(address);
    again.say(agentInit('w', 'a', { resumeSessionId: sessionId }));
    expect(await again.find('connectionAck')).toMatchObject({ resumed: true });
  });

  test('an identity is given up with its stream, and not before', async () => {
    const { address } = await open();
    using first = await connected(address, 'a');
    using second = new RawClient(address);
    second.say(agentInit('w', 'a'));
    expect(await second.ended).toMatchObject({ code: 6 });
    first.halfClose();
    expect(await first.ended).toMatchObject({ code: status.ok });
    using third = await connected(address, 'a');
    third.halfClose();
    await third.ended;
  });

  test.each<[string, Uint8Array, number]>([
    ['bytes that are no frame', Uint8Array.from([0x12, 0xff, 0xff]), status.invalidArgument],
    ['a frame over 4 MiB', new Uint8Array(4 * 1024 * 1024 + 1), status.resourceExhausted],
  ])('%s end the stream with the status for it; what came before counts; others are served', async (_, bytes, code) => {
    const { address } = await open();
    using bystander = await connected(address, 'bystander');
    using client = await connected(address, 'a');
    client.say(send('ag::w::raw::bystander', 'before'));
    client.bytes(bytes);
    expect(await client.ended).toMatchObject({ code });
    expect(Buffer.from((await bystander.find('msg')).payload).toString()).toBe('before');
    using again = await connected(address, 'a');
    again.say(send('ag::w::raw::bystander', 'after'));
    expect(Buffer.from((await bystander.find('msg')).payload).toString()).toBe('after');
  });

  test('draining tells the client, takes what it has sent, and ends with UNAVAILABLE', async () => {
    const { address, gateway } = await open();
    await using client = await connectAgent({ address, workspace: 'w', implementation: 'i', specifier: 's' });
    await client.sync();
    using raw = await connected(address, 'a');
    raw.say(send(agentTopic('w', 'i', 's'), 'last words'));
    const taking = new Taking(client);
    const drained = gateway.drain({ signal: new AbortController().signal });
    await raw.find('signal');
    expect(await raw.ended).toMatchObject({ code: status.unavailable });
    expect(await taking.texts(1)).toEqual(['last words']);
    await drained;
    await client.close().catch(() => undefined);
  });
});
