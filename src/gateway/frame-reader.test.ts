import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytesMax } from '../model/limits.ts';
import { FrameReader } from './frame-reader.ts';

const framed = (message: Uint8Array, flag = 0): Buffer => {
  const out = Buffer.alloc(5 + message.byteLength);
  out[0] = flag;
  out.writeUInt32BE(message.byteLength, 1);
  out.set(message, 5);
  return out;
};

describe('frame reader', () => {
  test('gives back the messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }),
        (messages, cuts) => {
          const reader = new FrameReader('identity');
          const stream = Buffer.concat(messages.map((message) => framed(message)));
          const seen: Uint8Array[] = [];
          for (let at = 0, cut = 0; at < stream.byteLength; cut += 1) {
            const end = at + (cuts[cut % cuts.length] ?? 1);
            seen.push(...reader.take(stream.subarray(at, end)));
            at = end;
          }
          expect(seen.map((message) => Buffer.from(message).toString('hex'))).toEqual(
            messages.map((message) => Buffer.from(message).toString('hex')),
          );
          expect(reader.isInside).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a message as large as allowed passes, one byte more is refused by its announced length alone', () => {
    const whole = new FrameReader('identity').take(framed(new Uint8Array(frameBytesMax)));
    expect(whole[0]?.byteLength).toBe(frameBytesMax);
    const prefix = Buffer.from([0, 0, 0, 0, 0]);
    prefix.writeUInt32BE(frameBytesMax + 1, 1);
    expect(() => new FrameReader('identity').take(prefix)).toThrow(
      expect.objectContaining({ reason: 'FRAME_TOO_LARGE' }),
    );
  });

  test('compressed messages are read; bombs, unknown encodings and unknown flags are refused', () => {
    const text = Buffer.from('hello hello hello');
    expect(Buffer.from(new FrameReader('gzip').take(framed(gzipSync(text), 1))[0] ?? []).toString()).toBe(
      'hello hello hello',
    );
    expect(Buffer.from(new FrameReader('deflate').take(framed(deflateSync(text), 1))[0] ?? []).toString()).toBe(
      'hello hello hello',
    );
    const bomb = gzipSync(new Uint8Array(frameBytesMax * 4));
    expect(() => new FrameReader('gzip').take(framed(bomb, 1))).toThrow(
      expect.objectContaining({ reason: 'FRAME_TOO_LARGE' }),
    );
    expect(() => new FrameReader('gzip').take(framed(text, 1))).toThrow(
      expect.objectContaining({ reason: 'INVALID_FRAME' }),
    );
    expect(() => new FrameReader('snappy').take(framed(text, 1))).toThrow(
      expect.objectContaining({ reason: 'INVALID_FRAME' }),
    );
    expect(() => new FrameReader('identity').take(framed(text, 7))).toThrow(
      expect.objectContaining({ reason: 'INVALID_FRAME' }),
    );
  });

  test('knows when it is inside a message', () => {
    const reader = new FrameReader('identity');
    reader.take(framed(Buffer.from('abc')).subarray(0, 6));
    expect(reader.isInside).toBe(true);
  });
});
