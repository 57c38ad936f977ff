import { expect, test } from 'vitest';
import { FabricError } from '../../../model/error.ts';
import { parseAmqpAddress } from './amqp-address.ts';

test('what is left out is as usual, and parts may be escaped', () => {
  expect(parseAmqpAddress('amqp://mq')).toEqual({
    protocol: 'amqp',
    hostname: 'mq',
    port: 5672,
    username: 'guest',
    password: 'guest',
    vhost: '/',
  });
  expect(parseAmqpAddress('amqps://a%40b:p%3Aw@[::1]/%2Fv')).toEqual({
    protocol: 'amqps',
    hostname: '::1',
    port: 5671,
    username: 'a@b',
    password: 'p:w',
    vhost: '/v',
  });
});

test('others are refused without being repeated', () => {
  for (const text of ['', 'mq:5672', 'http://u:secret@mq', 'amqp://']) {
    const parse = (): unknown => parseAmqpAddress(text);
    expect(parse).toThrow(FabricError);
    expect(parse).not.toThrow(/secret/);
  }
});
