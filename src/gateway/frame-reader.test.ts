import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytesMax } from '../model/limits.ts';
import { Rope } from './codec/rope.ts';
import { FrameReader } from './frame-reader.ts';
import type { Frame } from './frame-stream.ts';

const framed = (message: Uint8Array, flag = 0): Buffer => {
  const out = Buffer.alloc(5 + message.byteLength);
  out[0] = flag;
  out.writeUInt32BE(message.byteLength, 1);
  out.set(message, 5);
  return out;
};

const flat = (frame: Frame | undefined): Buffer =>
  frame instanceof Rope ? frame.flat() : Buffer.from(frame ?? new Uint8Array());

describe('frame reader', () => {
  test('gives back the messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }),
        (messages, cuts) => {
          const reader = new FrameReader('identity');
          const stream = Buffer.concat(messages.map((message) => framed(message)));
          const seen: Frame[] = [];
          for (let at = 0, cut = 0; at < stream.byteLength; cut += 1) {
            const end = at + (cuts[cut % cuts.length] ?? 1);
            seen.push(...reader.take(stream.subarray(at, end)));
            at = end;
          }
          expect(seen.map((message) => flat(message).toString('hex'))).toEqual(
            messages.map((message) => Buffer.from(message).toString('hex')),
          );
          expect(reader.isInside).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('large messages stay in pieces, with all their bytes and none of their neighbours', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(65_530, 65_536, 100_000, 300_000));
    const cut = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(1000, 16_384, 70_000));
    const plan = fc.record({
      sizes: fc.array(size, { minLength: 1, maxLength: 6 }),
      cuts: fc.array(cut, { minLength: 1, maxLength: 20 }).filter((cuts) => cuts.some((bytes) => bytes >= 1000)),
    });
    fc.assert(
      fc.property(plan, ({ sizes, cuts }) => {
        const messages = sizes.map((bytes, index) => Buffer.alloc(bytes, index + 1));
        const stream = Buffer.concat(messages.map((message) => framed(message)));
        const reader = new FrameReader('identity');
        const seen: Frame[] = [];
        for (let at = 0, turn = 0; at < stream.byteLength; turn += 1) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          seen.push(...reader.take(stream.subarray(at, end)));
          at = end;
        }
        expect(seen.map((message) => message.byteLength)).toEqual(sizes);
        for (const [index, message] of messages.entries()) expect(flat(seen[index]).equals(message)).toBe(true);
        expect(reader.isInside).toBe(false);
      }),
      { numRuns: 200 },
    );
    const stream = framed(Buffer.alloc(100_000, 1));
    const pieces = new FrameReader('identity');
    expect(pieces.take(stream.subarray(0, 50_000))).toEqual([]);
    expect(pieces.take(stream.subarray(50_000))[0]).toBeInstanceOf(Rope);
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
    expect(flat(new FrameReader('gzip').take(framed(gzipSync(text), 1))[0]).toString()).toBe('hello hello hello');
    expect(flat(new FrameReader('deflate').take(framed(deflateSync(text), 1))[0]).toString()).toBe('hello hello hello');
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
