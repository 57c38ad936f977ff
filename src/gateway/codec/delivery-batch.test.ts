import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DownstreamMessage } from '../../gen/aether/v1/gateway.ts';
import { FabricError } from '../../model/error.ts';
import { deliveryBatchBytesMax, frameBytesMax } from '../../model/limits.ts';
import { encodeDelivery, stampOf } from './delivery.ts';
import { packDeliveries } from './delivery-batch.ts';
import { encodeDownstream, errorPayload } from './downstream.ts';

const stamp = stampOf('ag::w::i::s', 'w');
const refusal = encodeDownstream(errorPayload(new FabricError('ERR_INTERNAL', 'x'), ''));

interface Step {
  readonly kind: 'delivery' | 'other';
  readonly bytes: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('delivery' as const, 'delivery' as const, 'other' as const),
  bytes: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, fc.constantFrom(20_000, 40_000)),
});

/** What a client makes of the frames: each delivery by the size of its payload, `other` for the rest. */
const seen = (framed: readonly Uint8Array[]): (number | 'other')[] =>
  framed.flatMap((chunk) => {
    const bytes = Buffer.from(chunk);
    const found: (number | 'other')[] = [];
    for (let at = 0; at < bytes.byteLength; ) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      const { payload } = DownstreamMessage.decode(bytes.subarray(at + 5, end));
      if (payload?.$case === 'msg') found.push(payload.value.payload.byteLength);
      else if (payload?.$case === 'deliveryBatch')
        found.push(...payload.value.messages.map((message) => message.payload.byteLength));
      else found.push('other');
      at = end;
    }
    return found;
  });

describe('packing deliveries', () => {
  test('nothing is lost, doubled or moved, however the frames are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat(4)), (steps, cuts) => {
        const frames = steps.map(({ kind, bytes }) =>
          kind === 'delivery' ? encodeDelivery(stamp, new Uint8Array(bytes), 0) : refusal,
        );
        const chunks: Uint8Array[] = [];
        for (let from = 0; from < frames.length; ) {
          const to = from + 1 + (cuts.next().value ?? 0);
          chunks.push(Buffer.concat(frames.slice(from, to)));
          from = to;
        }
        const packed = packDeliveries(chunks);
        expect(seen(packed)).toEqual(seen(frames));
        for (const frame of packed) expect(frame.byteLength).toBeLessThan(deliveryBatchBytesMax + 64);
      }),
      { numRuns: 300 },
    );
  });

  test('a run becomes one frame, a lone delivery and a large one stay what they are', () => {
    const small = encodeDelivery(stamp, Buffer.from('small'), 1);
    const large = encodeDelivery(stamp, new Uint8Array(1024 * 1024), 1);
    expect(packDeliveries([Buffer.concat([small, small, small])])).toHaveLength(1);
    expect(packDeliveries([small])).toEqual([small]);
    const packed = packDeliveries([small, small, large, refusal, small]);
    expect(packed).toHaveLength(4);
    expect(Buffer.from(packed[1] ?? []).equals(Buffer.from(large))).toBe(true);
    for (const frame of packed) expect(frame.byteLength).toBeLessThan(frameBytesMax);
  });
});
