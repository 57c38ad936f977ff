import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageBody } from './amqp-message.ts';
import { FrameBody } from './frame-body.ts';
import { encodePublish, loneFrameBytes, type OutgoingEntry, PublishFrames } from './publish-frame.ts';
import { frameKey } from './stream-frames.ts';

const entryOf = (publishingId: number, parts: readonly Uint8Array[]): OutgoingEntry => ({
  publishingId,
  parts,
  bytes: parts.reduce((sum, part) => sum + part.byteLength, 0),
});

const decode = (frame: Buffer) => {
  const body = new FrameBody(frame);
  expect(body.uint32()).toBe(frame.length - 4);
  expect(body.uint16()).toBe(frameKey.publish);
  expect(body.uint16()).toBe(1);
  const publisherId = body.uint8();
  const entries = body.list(() => ({
    id: body.uint53(),
    body: Buffer.from(messageBody(body.bytes(body.uint32()))).toString('hex'),
  }));
  expect(body.isIntact && body.remaining === 0).toBe(true);
  return { publisherId, entries };
};

const part = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 16_000, max: 40_000 }).map((length) => new Uint8Array(length).fill(length)),
);
const entries = fc.array(fc.array(part, { maxLength: 4 }), { minLength: 1, maxLength: 6 });

describe('publish frames', () => {
  test('hold every entry with its id and all its parts, copied or not', () => {
    fc.assert(
      fc.property(entries, fc.nat(255), fc.integer({ min: 1, max: 2 ** 52 }), (list, publisherId, first) => {
        const outgoing = list.map((parts, index) => entryOf(first + index, parts));
        const decoded = decode(Buffer.concat(encodePublish(publisherId, outgoing)));
        const expected = outgoing.map(({ publishingId, parts }) => ({
          id: publishingId,
          body: Buffer.concat(parts).toString('hex'),
        }));
        expect(decoded).toEqual({ publisherId, entries: expected });
      }),
      { numRuns: 500 },
    );
  });

  test('a large part is not copied', () => {
    const large = Buffer.alloc(100_000, 1);
    expect(encodePublish(0, [entryOf(1, [Buffer.from('a'), large, Buffer.from('b')])])).toContain(large);
  });

  test('the size of a frame with one entry is known beforehand', () => {
    for (const bytes of [0, 255, 256, 20_000])
      expect(Buffer.concat(encodePublish(0, [entryOf(1, [Buffer.alloc(bytes)])])).length - 4).toBe(
        loneFrameBytes(bytes),
      );
  });

  test('entries share frames up to a size, and one that is larger goes alone', () => {
    const frames: number[][] = [];
    const writer = new PublishFrames(1, 1000, (buffers) =>
      frames.push(decode(Buffer.concat(buffers)).entries.map(({ id }) => id)),
    );
    for (const [index, bytes] of [400, 400, 400, 5000, 10, 10].entries())
      writer.add(entryOf(index, [Buffer.alloc(bytes)]));
    writer.close();
    writer.close();
    expect(frames).toEqual([[0, 1], [2], [3], [4, 5]]);
  });
});
