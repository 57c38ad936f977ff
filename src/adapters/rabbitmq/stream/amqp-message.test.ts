import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageBody, messageHeadBytes, writeMessageHead } from './amqp-message.ts';

const messageOf = (body: Uint8Array): Buffer => {
  const head = Buffer.alloc(messageHeadBytes(body.byteLength));
  expect(writeMessageHead(head, 0, body.byteLength)).toBe(head.length);
  return Buffer.concat([head, body]);
};

describe('AMQP messages of one Data section', () => {
  test('round trip around the width of the size', () => {
    for (const bytes of [0, 1, 254, 255, 256, 257, 70_000]) {
      const body = Buffer.alloc(bytes, 7);
      expect(messageBody(messageOf(body)).equals(body)).toBe(true);
    }
    expect(messageOf(Buffer.from('hi')).toString('hex')).toBe('005375a0026869');
    expect(messageOf(Buffer.alloc(256)).subarray(0, 8).toString('hex')).toBe('005375b000000100');
  });

  test('other sections are stepped over', () => {
    const before = [
      '005370c003014141', // header: list8
      '005371d10000000400000000', // delivery annotations: map32
      '00537245', // message annotations: list0
      '005373d0000000050000000140', // properties: list32
      '005374c10100', // application properties: map8
    ];
    for (let count = 0; count <= before.length; count += 1) {
      const message = Buffer.concat([
        Buffer.from(before.slice(0, count).join(''), 'hex'),
        messageOf(Buffer.from('payload')),
        Buffer.from('00537845', 'hex'),
      ]);
      expect(messageBody(message).toString()).toBe('payload');
    }
  });

  test('what is no such message is its bytes', () => {
    for (const foreign of [
      '',
      'ff',
      '005375',
      '005375a0',
      '005375a005aa',
      '005377a10568656c6c6f',
      '005375b0ffffffffaa',
      '00530045',
    ])
      expect(messageBody(Buffer.from(foreign, 'hex')).toString('hex')).toBe(foreign);
  });

  test('random bytes neither throw nor hang', () => {
    const start = fc.constantFrom('', '00', '0053', '005370', '005372c1', '005374d1', '005375', '005375b0');
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 60 }), (head, bytes) => {
        const message = Buffer.concat([Buffer.from(head, 'hex'), bytes]);
        expect(messageBody(message).length).toBeLessThanOrEqual(message.length);
      }),
      { numRuns: 40_000 },
    );
  });
});
