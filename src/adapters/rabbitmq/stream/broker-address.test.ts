import { describe, expect, test } from 'vitest';
import { FabricError } from '../../../model/error.ts';
import { parseBrokerAddress, textOfAddress } from './broker-address.ts';

describe('broker addresses', () => {
  test('what is left out is as usual', () => {
    expect(parseBrokerAddress('rabbitmq-stream://mq')).toEqual({
      host: 'mq',
      port: 5552,
      username: 'guest',
      password: 'guest',
      virtualHost: '/',
      isTls: false,
    });
    expect(parseBrokerAddress('rabbitmq-stream+tls://[::1]/')).toMatchObject({ host: '::1', port: 5551, isTls: true });
  });

  test('user, password and virtual host may be escaped', () => {
    expect(parseBrokerAddress('rabbitmq-stream://a%40b:p%3Aw@mq:1/%2Fv')).toMatchObject({
      username: 'a@b',
      password: 'p:w',
      port: 1,
      virtualHost: '/v',
    });
  });

  test('others are refused without being repeated', () => {
    for (const text of ['', 'mq:5552', 'amqp://u:secret@mq', 'rabbitmq-stream://', 'http://mq']) {
      const parse = (): unknown => parseBrokerAddress(text);
      expect(parse).toThrow(FabricError);
      expect(parse).not.toThrow(/secret/);
    }
  });

  test('as text they have no credentials', () => {
    expect(textOfAddress(parseBrokerAddress('rabbitmq-stream://u:secret@[::1]:7'))).toBe('[::1]:7');
    expect(textOfAddress({ host: 'mq', port: 7 })).toBe('mq:7');
  });
});
