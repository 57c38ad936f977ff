import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, toMessageStream } from './frame-reader.ts';

test('frames come out as they went in, however the bytes are cut up', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 8 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(toMessageStream(sent));
      const reader = new FrameReader('identity');
      const read: Uint8Array[] = [];
      for (let at = 0, cut = 0; at < bytes.byteLength; cut += 1) {
        const end = at + (cuts[cut % cuts.length] ?? 1);
        read.push(...reader.take(bytes.subarray(at, end)));
        at = end;
      }
      expect(read.map((frame) => [...frame])).toEqual(sent.map((frame) => [...frame]));
    }),
    { numRuns: 30 },
  );
});

const flagged = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = 1;
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
};

test('compressed frames are read, of encodings that are known', () => {
  const text = Buffer.from('text');
  expect(new FrameReader('gzip').take(flagged(gzipSync(text)))).toEqual([text]);
  expect(new FrameReader('deflate').take(flagged(deflateSync(text)))).toEqual([text]);
  expect(() => new FrameReader('identity').take(flagged(text))).toThrow('flag 1 and encoding "identity"');
});

test('a frame that is too large is not gathered', () => {
  const prefix = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
  expect(() => new FrameReader('identity').take(prefix)).toThrow('at most 16777216 are read');
});
