import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FrameFault, FrameReader } from './frame-reader.ts';

const frameOf = (body: Uint8Array): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.byteLength);
  return Buffer.concat([size, body]);
};

const readAll = (reader: FrameReader, pieces: readonly Buffer[]) => {
  const frames: Buffer[] = [];
  let fault: FrameFault | undefined;
  for (const piece of pieces) {
    fault = reader.push(piece, (frame) => frames.push(Buffer.from(frame)));
    if (fault !== undefined) break;
  }
  return { frames, fault };
};

const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 300 }), { minLength: 1, maxLength: 8 });

describe('frame reader', () => {
  test('finds the same frames at every split into two', () => {
    fc.assert(
      fc.property(bodies, (list) => {
        const wire = Buffer.concat(list.map(frameOf));
        for (let at = 0; at <= wire.length; at += 1) {
          const { frames, fault } = readAll(new FrameReader(1024), [wire.subarray(0, at), wire.subarray(at)]);
          expect(fault).toBeUndefined();
          expect(Buffer.concat(frames).equals(Buffer.concat(list))).toBe(true);
          expect(frames).toHaveLength(list.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('finds the same frames however finely they were cut', () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, widths) => {
        const wire = Buffer.concat(list.map(frameOf));
        const pieces: Buffer[] = [];
        for (let at = 0, index = 0; at < wire.length; index += 1) {
          const width = widths[index % widths.length] ?? 1;
          pieces.push(wire.subarray(at, at + width));
          at += width;
        }
        const { frames } = readAll(new FrameReader(1024), pieces);
        expect(frames.map((frame) => frame.toString('hex'))).toEqual(
          list.map((body) => Buffer.from(body).toString('hex')),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('byte by byte', () => {
    const wire = Buffer.concat([frameOf(Buffer.from('abcd')), frameOf(Buffer.from('efghij'))]);
    const { frames } = readAll(
      new FrameReader(16),
      [...wire].map((byte) => Buffer.of(byte)),
    );
    expect(frames.map(String)).toEqual(['abcd', 'efghij']);
  });

  test('a frame larger than allowed is a fault, before its bytes are kept', () => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(0xffff_ffff);
    expect(readAll(new FrameReader(1024), [size]).fault).toEqual({ fault: 'frame too large', bytes: 0xffff_ffff });
    const reader = new FrameReader(8);
    expect(readAll(reader, [frameOf(Buffer.alloc(8))]).frames).toHaveLength(1);
    reader.allow(2000);
    expect(readAll(reader, [frameOf(Buffer.alloc(2000))]).frames).toHaveLength(1);
  });

  test('a frame without room for a key and a version is a fault', () => {
    for (const bytes of [0, 1, 3])
      expect(readAll(new FrameReader(8), [frameOf(Buffer.alloc(bytes))]).fault).toEqual({
        fault: 'frame too short',
        bytes,
      });
  });

  test('random bytes neither throw nor hang', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        readAll(
          new FrameReader(4096),
          pieces.map((piece) => Buffer.from(piece)),
        );
      }),
      { numRuns: 20_000 },
    );
  });

  test('a large frame in many pieces costs time in proportion to its size', () => {
    const body = Buffer.alloc(32 * 1024 * 1024, 1);
    const wire = frameOf(body);
    const pieces = Array.from({ length: wire.length / 1024 + 1 }, (_, index) =>
      wire.subarray(index * 1024, (index + 1) * 1024),
    );
    // Joining at every piece would copy half a terabyte here.
    expect(readAll(new FrameReader(body.length), pieces).frames[0]?.length).toBe(body.length);
  });
});
