import { expect, test } from 'vitest';
import { attemptOf } from './work-consumer.ts';

const attempt = (redelivered: boolean, headers: Record<string, unknown> | undefined): number => {
  const nothing = undefined;
  const properties = {
    headers,
    contentType: nothing,
    contentEncoding: nothing,
    deliveryMode: nothing,
    priority: nothing,
    correlationId: nothing,
    replyTo: nothing,
    expiration: nothing,
    messageId: nothing,
    timestamp: nothing,
    type: nothing,
    userId: nothing,
    appId: nothing,
    clusterId: nothing,
  };
  return attemptOf({
    fields: { consumerTag: 'c', deliveryTag: 1, redelivered, exchange: '', routingKey: 'q' },
    properties,
  });
};

test('attempts are what the broker counted, and one', () => {
  expect(attempt(false, undefined)).toBe(1);
  expect(attempt(false, {})).toBe(1);
  expect(attempt(true, { 'x-delivery-count': 3 })).toBe(4);
  expect(attempt(true, { 'x-delivery-count': 1, 'x-acquired-count': 5 })).toBe(6);
  expect(attempt(true, { 'x-delivery-count': 'many' })).toBe(2);
  expect(attempt(true, {})).toBe(2);
});
