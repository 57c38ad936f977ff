import { expect, test } from 'vitest';
import { UpstreamMessage } from './gen/aether/v1/gateway.ts';
import { sendBatchMessagesMax } from './limits.ts';
import { encodeMessage } from './message.ts';
import { packSends } from './send-batch.ts';
import { encode } from './wire.ts';

const message = (text: string): Uint8Array => encodeMessage('ag::w::i::s', text, {});
const question = encode({ $case: 'connectionStatusRequest', value: { requestId: 'q', principal: undefined } });

const seen = (frames: readonly Uint8Array[]): string[] =>
  frames.flatMap((frame) => {
    const { payload } = UpstreamMessage.decode(frame);
    if (payload?.$case === 'send') return [Buffer.from(payload.value.payload).toString()];
    if (payload?.$case === 'sendBatch')
      return payload.value.messages.map(
        ({ targetTopic, payload: bytes }) => `${targetTopic}>${Buffer.from(bytes).toString()}`,
      );
    return [payload?.$case ?? 'nothing'];
  });

test('runs of sends share a frame, in order, and the rest keeps its place', () => {
  expect(seen(packSends([message('a'), message('b'), question, message('c'), message('x'.repeat(50_000))]))).toEqual([
    'ag::w::i::s>a',
    'ag::w::i::s>b',
    'connectionStatusRequest',
    'c',
    'x'.repeat(50_000),
  ]);
});

test('a frame holds no more than its bounds', () => {
  const many = Array.from({ length: sendBatchMessagesMax * 2 + 1 }, (_, index) => message(String(index)));
  const packed = packSends(many);
  expect(packed).toHaveLength(3);
  expect(seen(packed).map((text) => text.replace('ag::w::i::s>', ''))).toEqual(many.map((_, index) => String(index)));
  const big = Array.from({ length: 20 }, () => message('y'.repeat(15_000)));
  for (const frame of packSends(big)) expect(frame.byteLength).toBeLessThan(70_000);
});
