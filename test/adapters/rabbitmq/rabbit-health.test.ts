import { describe, expect, test } from 'vitest';
import { checkRabbit, type RabbitCheck } from '../../../src/adapters/rabbitmq/rabbit-health.ts';
import { frameKey, list, uint32 } from '../../../src/adapters/rabbitmq/stream/stream-frames.ts';
import { rabbitAddresses } from './addresses.ts';
import { testDeps, testSettings, testWorkSettings } from './opening.ts';
import { openScriptedBroker, response } from './scripted-broker.ts';

describe.skipIf(rabbitAddresses === undefined)('health of RabbitMQ', () => {
  const { stream = '', amqp = '' } = rabbitAddresses ?? {};
  const check: RabbitCheck = { stream: testSettings(stream), amqp: testWorkSettings(amqp), requestTimeoutMs: 5000 };

  test('is what the broker says', async () => {
    const { version, latencyMs, frameMaxBytes } = await checkRabbit(check, testDeps());
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(latencyMs).toBeGreaterThan(0);
    expect(frameMaxBytes).toBeGreaterThanOrEqual(0);
  });

  test('without the stream plugin says how to enable it', async () => {
    const [address] = check.stream.addresses;
    const withoutStreams = { ...check, stream: { ...check.stream, addresses: [{ ...address, port: 1 }] as const } };
    await expect(checkRabbit(withoutStreams, testDeps())).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('rabbitmq-plugins enable rabbitmq_stream') as string,
    });
  });

  test('with a limit on frames that is enforced and low says how to raise it', async () => {
    await using broker = await openScriptedBroker(({ key, correlationId }) =>
      key === frameKey.metadata ? response(key, correlationId, [list([], uint32), list([], uint32)]) : undefined,
    );
    const tight = { ...check, stream: { ...check.stream, addresses: [broker.address] as const } };
    expect(await checkRabbit(tight, testDeps())).toMatchObject({
      version: '9.9.9',
      frameMaxBytes: 1024 * 1024,
      warning: expect.stringContaining('stream.frame_max = 33554432 in rabbitmq.conf') as string,
    });
  });

  test('with nobody there names the address', async () => {
    const [address] = check.amqp.addresses;
    const away = { ...check, amqp: { ...check.amqp, addresses: [{ ...address, port: 1 }] as const } };
    await expect(checkRabbit(away, testDeps())).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`${address.hostname}:1 cannot be reached over AMQP`) as string,
    });
  });

  test('with a wrong password says who is not let in, without the password', async () => {
    const [address] = check.amqp.addresses;
    const stranger = { ...check, amqp: { ...check.amqp, addresses: [{ ...address, password: 'hunter2' }] as const } };
    const refusal = await checkRabbit(stranger, testDeps()).catch((thrown: unknown) => thrown);
    expect(refusal).toMatchObject({
      message: expect.stringContaining(`does not let user "${address.username}" into virtual host`) as string,
    });
    expect(String(refusal)).not.toContain('hunter2');
  });
});
