import { describe, expect, test } from 'vitest';
import { parseBrokerAddress } from '../../../src/adapters/rabbitmq/stream/broker-address.ts';
import { rabbitAddresses } from './addresses.ts';
import { openTestLog, testSettings } from './opening.ts';

describe.skipIf(rabbitAddresses === undefined)('logging in to RabbitMQ', () => {
  const { stream: url = '' } = rabbitAddresses ?? {};

  test('a wrong password is said with user and address, without the password', async () => {
    const address = { ...parseBrokerAddress(url), password: 'hunter2' };
    const opening = openTestLog(testSettings(url, { addresses: [address] }));
    await expect(opening).rejects.toMatchObject({ reason: 'CONFIG_INVALID', retryable: false });
    const message = await opening.then(
      () => '',
      (reason: Error) => reason.message,
    );
    expect(message).toContain(`RabbitMQ at ${address.host}:${address.port} refuses user "${address.username}"`);
    expect(message).not.toContain('hunter2');
  });

  test('a virtual host that is not there is said by name', async () => {
    const address = { ...parseBrokerAddress(url), virtualHost: 'nowhere' };
    const opening = openTestLog(testSettings(url, { addresses: [address] }));
    await expect(opening).rejects.toThrow(/virtual host "nowhere"/);
  });
});
