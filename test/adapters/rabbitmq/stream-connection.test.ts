/** A peer that misbehaves ends its connection, in time and with a reason, and nothing else. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ConnectionSettings,
  StreamConnection,
  type SubscriptionSink,
} from '../../../src/adapters/rabbitmq/stream/stream-connection.ts';
import {
  encodeFrame,
  frameKey,
  list,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from '../../../src/adapters/rabbitmq/stream/stream-frames.ts';
import { declarePublisher, metadata } from '../../../src/adapters/rabbitmq/stream/stream-requests.ts';
import type { FabricError } from '../../../src/model/error.ts';
import { never, testDeps } from './opening.ts';
import { openScriptedBroker, response, type Script, type ScriptedBroker } from './scripted-broker.ts';

const settingsOf = ({ address }: ScriptedBroker, over: Partial<ConnectionSettings> = {}): ConnectionSettings => ({
  address,
  tls: {},
  clientName: 'test',
  heartbeatMs: 1000,
  connectTimeoutMs: 400,
  requestTimeoutMs: 300,
  ...over,
});

const open = (broker: ScriptedBroker, over: Partial<ConnectionSettings> = {}, deps = testDeps()) =>
  StreamConnection.open(settingsOf(broker, over), deps, never);

/** What escaped while a test ran: an error that nobody caught would end the process. */
let escaped: unknown[] = [];
const onEscape = (reason: unknown): void => void escaped.push(reason);

beforeEach(() => {
  escaped = [];
  process.on('uncaughtException', onEscape);
  process.on('unhandledRejection', onEscape);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', onEscape);
  process.off('unhandledRejection', onEscape);
  if (escaped.length > 0) throw new AggregateError(escaped, 'errors that nobody caught');
});

const failure = async (opening: Promise<unknown>): Promise<FabricError> =>
  opening.then(
    () => Promise.reject(new Error('it opened')),
    (reason: FabricError) => reason,
  );

describe('a handshake', () => {
  const stages = [frameKey.peerProperties, frameKey.saslHandshake, frameKey.saslAuthenticate, frameKey.open];
  const answering =
    (stage: number, answer: (correlationId: number) => Buffer | 'nothing'): Script =>
    ({ key, correlationId }) =>
      key === stage ? answer(correlationId) : undefined;

  test('comes up and goes down', async () => {
    await using broker = await openScriptedBroker(() => undefined);
    const connection = await open(broker);
    expect(connection.broker).toEqual({
      product: 'Scripted',
      version: '9.9.9',
      frameMaxBytes: 1024 * 1024,
      heartbeatMs: 1000,
      advertised: { host: 'h', port: 1 },
    });
    await connection.close();
    expect((await connection.ended).reason).toBe('STORE_UNAVAILABLE');
    await expect(connection.request(metadata(['s']))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });

  test.each(stages)('that is not answered at stage %i ends in time', async (stage) => {
    await using broker = await openScriptedBroker(answering(stage, () => 'nothing'));
    const reason = await failure(open(broker));
    expect(reason).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(reason.message).toMatch(/did not (answer|let us in)/);
  });

  test('that is not answered at all ends in time', async () => {
    await using broker = await openScriptedBroker(() => 'nothing');
    const startMs = performance.now();
    const reason = await failure(open(broker, { requestTimeoutMs: 60_000 }));
    expect(reason.message).toContain('did not let us in within 400 ms');
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test.each(stages)('answered with random bytes at stage %i ends', async (stage) => {
    for (let round = 0; round < 50; round += 1) {
      await using broker = await openScriptedBroker(answering(stage, () => randomBytes(round * 7)));
      expect(await failure(open(broker, { connectTimeoutMs: 100 }))).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    }
  });

  test.each(stages)('whose answer is cut short at stage %i ends', async (stage) => {
    const cut = answering(stage, (correlationId) => response(stage, correlationId, [Buffer.of(0)]));
    await using broker = await openScriptedBroker(cut);
    expect((await failure(open(broker))).message).toMatch(/cut short/);
  });

  test('with a peer that is no stream port says so', async () => {
    const amqp = (socket: { write: (data: string) => unknown }): void => void socket.write('AMQP\0\0\x09\x01');
    await using broker = await openScriptedBroker(() => 'nothing', { onConnect: amqp });
    expect((await failure(open(broker))).message).toContain('is it the stream port?');
  });

  test('that is refused names user, address and cause, not the password', async () => {
    const refuse = answering(frameKey.saslAuthenticate, (id) => response(frameKey.saslAuthenticate, id, [uint16(8)]));
    await using broker = await openScriptedBroker(refuse);
    const reason = await failure(open({ ...broker, address: { ...broker.address, password: 'hunter2' } }));
    expect(reason).toMatchObject({ reason: 'CONFIG_INVALID', retryable: false });
    expect(reason.message).toBe(
      `RabbitMQ at 127.0.0.1:${broker.address.port} refuses user "u" with this password: authentication failure`,
    );
  });

  test('of which the virtual host is refused says which', async () => {
    await using broker = await openScriptedBroker(
      answering(frameKey.open, (id) => response(frameKey.open, id, [uint16(0x0c)])),
    );
    const reason = await failure(open({ ...broker, address: { ...broker.address, virtualHost: 'v' } }));
    expect(reason).toMatchObject({ reason: 'CONFIG_INVALID' });
    expect(reason.message).toContain('virtual host "v"');
  });

  test('with nobody there fails at once', async () => {
    const broker = await openScriptedBroker(() => undefined);
    await broker[Symbol.asyncDispose]();
    expect((await failure(open(broker))).message).toContain('cannot connect to RabbitMQ at 127.0.0.1');
  });

  test('can be aborted', async () => {
    await using broker = await openScriptedBroker(() => 'nothing');
    const aborting = new AbortController();
    const opening = StreamConnection.open(
      settingsOf(broker, { connectTimeoutMs: 60_000 }),
      testDeps(),
      aborting.signal,
    );
    setTimeout(() => aborting.abort(new Error('enough')), 20);
    expect((await failure(opening)).message).toContain('enough');
  });
});

describe('a connection that is open', () => {
  /** Opens a connection whose peer answers a declaration with `bytes`, and tells how it ended. */
  const endAfter = async (bytes: (correlationId: number) => Buffer): Promise<FabricError> => {
    const script: Script = ({ key, correlationId }) =>
      key === frameKey.declarePublisher ? bytes(correlationId) : undefined;
    await using broker = await openScriptedBroker(script);
    const deps = testDeps();
    const connection = await open(broker, {}, deps);
    const asked = connection.request(declarePublisher(0, 'r', 's'));
    const reason = await connection.ended;
    await expect(asked).rejects.toBe(reason);
    expect(deps.log.lines).toEqual([
      {
        level: 'warn',
        event: 'rabbitmq stream connection ended',
        fields: { broker: `RabbitMQ at 127.0.0.1:${broker.address.port}`, reason: reason.message },
      },
    ]);
    return reason;
  };

  test.each([
    ['an unknown command', () => encodeFrame(0x00fe, []), /0x00fe is not known/],
    ['another version', () => Buffer.from('0000000400080009', 'hex'), /version 9/],
    ['a frame that is too large', () => Buffer.from('ffffffff', 'hex'), /frame too large/],
    ['a frame that is too short', () => Buffer.from('0000000101', 'hex'), /frame too short/],
    ['a confirm cut short', () => encodeFrame(frameKey.publishConfirm, [uint8(0), uint32(5)]), /cut short/],
    ['an answer nobody asked', () => response(frameKey.declarePublisher, 4711, [uint16(1)]), /nobody asked/],
    ['the answer to another request', (id: number) => response(frameKey.subscribe, id, [uint16(1)]), /nobody asked/],
    ['an answer cut short', (id: number) => response(frameKey.declarePublisher, id, []), /cut short/],
    [
      'a goodbye',
      () => encodeFrame(frameKey.close, [uint32(1), uint16(14), string('frame too large')]),
      /closed the connection: frame too large/,
    ],
    ['silence', () => Buffer.alloc(0), /did not answer “declare publisher” in 300 ms/],
  ])('ends after %s', async (_, bytes, message) => {
    const reason = await endAfter(bytes);
    expect(reason).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(reason.message).toMatch(message);
  });

  test('ends after random bytes', async () => {
    for (let round = 1; round < 60; round += 1) await endAfter(() => randomBytes(round * 3));
  });

  test('goes on after frames for nobody', async () => {
    const script: Script = ({ key, correlationId }) =>
      key === frameKey.declarePublisher
        ? Buffer.concat([
            encodeFrame(frameKey.publishConfirm, [uint8(9), list([1n], uint64)]),
            encodeFrame(frameKey.publishError, [uint8(9), list([1n], (id) => Buffer.concat([uint64(id), uint16(6)]))]),
            encodeFrame(frameKey.deliver, [uint8(9), Buffer.from('x')]),
            encodeFrame(frameKey.metadataUpdate, [uint16(6), string('other')]),
            encodeFrame(frameKey.credit | 0x8000, [uint16(4), uint8(9)]),
            encodeFrame(frameKey.heartbeat, []),
            response(key, correlationId, [uint16(1)]),
          ])
        : undefined;
    await using broker = await openScriptedBroker(script);
    const connection = await open(broker);
    expect(await connection.request(declarePublisher(0, 'r', 's'))).toEqual({ code: 1 });
    expect(connection.isOpen).toBe(true);
    await connection.close();
  });

  test('tells those who share it when it ends, and those of a stream when that is lost', async () => {
    const script: Script = ({ key, correlationId }) =>
      key === frameKey.declarePublisher
        ? Buffer.concat([
            encodeFrame(frameKey.metadataUpdate, [uint16(6), string('one')]),
            response(key, correlationId, [uint16(1)]),
          ])
        : undefined;
    await using broker = await openScriptedBroker(script);
    const connection = await open(broker);
    const lost: string[] = [];
    const sink = (stream: string): SubscriptionSink => ({
      stream,
      deliver: () => undefined,
      lost: (reason) => lost.push(`${stream}: ${reason.message}`),
    });
    for (const stream of ['one', 'two'])
      connection.subscriptions.bind(connection.subscriptions.reserve() ?? 0, sink(stream));
    await connection.request(declarePublisher(0, 'r', 's'));
    expect(lost).toEqual([`one: RabbitMQ at 127.0.0.1:${broker.address.port}: stream one: stream not available`]);
    await connection.close();
    expect(lost).toHaveLength(2);
  });

  test('ends when its peer falls silent, and sends signs of life itself', async () => {
    let beats = 0;
    const script: Script = ({ key }) => {
      if (key === frameKey.heartbeat) beats += 1;
      return undefined;
    };
    await using broker = await openScriptedBroker(script);
    const connection = await open(broker);
    expect((await connection.ended).message).toContain('has been silent for 2000 ms');
    expect(beats).toBeGreaterThanOrEqual(3);
  });
});
