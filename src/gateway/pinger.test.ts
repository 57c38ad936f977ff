import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { Pinger } from './pinger.ts';

/** More than the least time between two questions. */
const pauseMs = 20;
const isThereTimeoutMs = 2000;

const opened: { readonly client: ClientHttp2Session; readonly close: () => void }[] = [];
afterEach(() => {
  for (const { client, close } of opened.splice(0)) {
    client.destroy();
    close();
  }
});

/** A real connection, and the server's side of it. */
const open = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  const connected = once(server, 'session') as Promise<[Http2Session]>;
  const client = connect(`http://127.0.0.1:${address.port}`);
  client.on('error', () => undefined);
  const [session] = await connected;
  session.on('error', () => undefined);
  opened.push({ client, close: () => server.close() });
  const pings = { count: 0 };
  client.on('ping', () => (pings.count += 1));
  // Time begins well after the start, where a first question waits for nothing.
  const clock = new VirtualClock();
  await clock.pass(1000);
  return { client, session, pings, clock, pinger: Pinger.of(session, clock) };
};

const answer = (pinger: Pinger): Promise<void> => new Promise((resolve) => pinger.ask(resolve));

/** Cuts the client off from what the server says without closing anything: a network that swallows. */
const swallow = (client: ClientHttp2Session): void => {
  const socket: Socket = client.socket;
  const inner: unknown = Reflect.get(socket, '_handle');
  if (typeof inner === 'object' && inner !== null)
    Reflect.apply(Reflect.get(inner, 'readStop') as () => void, inner, []);
};

describe('asking', () => {
  test('is answered by the peer of a real connection', async () => {
    const { pinger, pings } = await open();
    await answer(pinger);
    expect(pings.count).toBe(1);
  });

  test('those who ask while a question is under way share the next, which waits its time', async () => {
    const { pinger, pings, clock } = await open();
    const first = answer(pinger);
    const others = Promise.all([answer(pinger), answer(pinger), answer(pinger)]);
    await first;
    expect(pings.count).toBe(1);
    await clock.pass(pauseMs - 1);
    expect(pings.count).toBe(1);
    await clock.pass(1);
    await others;
    expect(pings.count).toBe(2);
  });

  test('streams of one connection have one pinger, others have others', async () => {
    const [one, two] = [await open(), await open()];
    expect(Pinger.of(one.session, one.clock)).toBe(one.pinger);
    expect(Pinger.of(two.session, two.clock)).not.toBe(one.pinger);
  });

  test('is never answered once the connection has ended', async () => {
    const { pinger, session, clock } = await open();
    session.destroy();
    let isAnswered = false;
    pinger.ask(() => (isAnswered = true));
    await clock.pass(10_000);
    expect(isAnswered).toBe(false);
  });
});

describe('whether the peer is there', () => {
  test('yes, if it answers', async () => {
    const { pinger } = await open();
    expect(await pinger.isThere()).toBe(true);
  });

  test('no, if the connection has ended', async () => {
    const { pinger, session } = await open();
    session.destroy();
    expect(await pinger.isThere()).toBe(false);
  });

  test('no, if it does not answer in time', async () => {
    const { pinger, client, clock } = await open();
    swallow(client);
    const isThere = pinger.isThere();
    await clock.pass(isThereTimeoutMs);
    expect(await isThere).toBe(false);
  });
});
