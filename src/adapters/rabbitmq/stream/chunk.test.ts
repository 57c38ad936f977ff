import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeMessageHead } from './amqp-message.ts';
import { decodeChunk } from './chunk.ts';

const message = (body: Uint8Array): Buffer => {
  const head = Buffer.alloc(8);
  return Buffer.concat([head.subarray(0, writeMessageHead(head, 0, body.byteLength)), body]);
};

const simple = (data: Uint8Array): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(data.byteLength);
  return Buffer.concat([size, data]);
};

const subBatch = (records: number, data: Uint8Array): Buffer => {
  const head = Buffer.alloc(11);
  head[0] = 0x90;
  head.writeUInt16BE(records, 1);
  head.writeUInt32BE(data.byteLength * 3, 3);
  head.writeUInt32BE(data.byteLength, 7);
  return Buffer.concat([head, data]);
};

const chunkOf = (
  first: bigint,
  items: readonly Buffer[],
  { type = 0, records = items.length, filterBytes = 0 } = {},
): Buffer => {
  const data = Buffer.concat(items);
  const head = Buffer.alloc(48);
  head[0] = 0x50;
  head[1] = type;
  head.writeUInt16BE(items.length, 2);
  head.writeUInt32BE(records, 4);
  head.writeBigUInt64BE(first, 24);
  head.writeUInt32BE(crc32(data), 32);
  head.writeUInt32BE(data.length, 36);
  head[44] = filterBytes;
  return Buffer.concat([head, data]);
};

const bodies = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 });
const text = (batch: Uint8Array): string => Buffer.from(batch).toString();

describe('chunks', () => {
  test('entries come with their offsets, from the wanted one on', () => {
    fc.assert(
      fc.property(bodies, fc.bigInt({ min: 0n, max: 1n << 60n }), fc.nat(25), (list, first, skip) => {
        const decoded = decodeChunk(
          chunkOf(
            first,
            list.map((body) => simple(message(body))),
          ),
          first + BigInt(skip),
        );
        const expected = list
          .map((body, index) => ({ offset: first + BigInt(index), batch: Buffer.from(body) }))
          .slice(skip);
        expect(decoded).toEqual({ kind: 'chunk', entries: expected, passedOver: 0 });
      }),
      { numRuns: 1000 },
    );
  });

  test('sub-batches are passed over and keep their offsets', () => {
    const items = [
      simple(message(Buffer.from('a'))),
      subBatch(10, Buffer.from('zzz')),
      simple(message(Buffer.from('b'))),
    ];
    const decoded = decodeChunk(chunkOf(5n, items, { records: 12 }), 0n);
    expect(decoded).toEqual({
      kind: 'chunk',
      entries: [
        { offset: 5n, batch: Buffer.from('a') },
        { offset: 16n, batch: Buffer.from('b') },
      ],
      passedOver: 10,
    });
  });

  test('a foreign entry is the bytes it is; a trailer and the size of a filter are of no matter', () => {
    const chunk = chunkOf(1n, [simple(Buffer.from('hello')), simple(Buffer.alloc(0))], { filterBytes: 16 });
    const decoded = decodeChunk(Buffer.concat([chunk, Buffer.from('trailer')]), 0n);
    expect(decoded.kind === 'chunk' && decoded.entries.map(({ batch }) => text(batch))).toEqual(['hello', '']);
  });

  test('chunks of the broker’s own are empty', () => {
    expect(decodeChunk(chunkOf(1n, [simple(Buffer.from('x'))], { type: 2 }), 0n)).toEqual({
      kind: 'chunk',
      entries: [],
      passedOver: 0,
    });
  });

  test('damage is found', () => {
    const chunk = chunkOf(0n, [simple(message(Buffer.from('some bytes')))]);
    for (let bit = 0; bit < 8; bit += 1) {
      const flipped = Buffer.from(chunk);
      flipped[55] = (flipped[55] ?? 0) ^ (1 << bit);
      expect(decodeChunk(flipped, 0n)).toEqual({ kind: 'damaged', fault: 'its checksum does not match' });
    }
    for (let length = 0; length < chunk.length; length += 1)
      expect(decodeChunk(chunk.subarray(0, length), 0n).kind).toBe('damaged');
    const liar = chunkOf(0n, [simple(Buffer.from('one'))]);
    liar.writeUInt16BE(9, 2);
    expect(decodeChunk(liar, 0n)).toEqual({ kind: 'damaged', fault: 'entry 1 of 9 is cut short' });
  });

  test('random and mutated chunks neither throw nor hang, checksum right or wrong', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 6 }),
        fc.boolean(),
        (list, edits, mend) => {
          const chunk = chunkOf(
            0n,
            list.map((body) => simple(message(body))),
          );
          for (const [at, value] of edits) chunk[at % chunk.length] = value;
          const dataBytes = chunk.readUInt32BE(36);
          if (mend) chunk.writeUInt32BE(crc32(chunk.subarray(48, 48 + dataBytes)), 32);
          decodeChunk(chunk, 0n);
        },
      ),
      { numRuns: 20_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeChunk(Buffer.from(bytes), 0n)),
      {
        numRuns: 20_000,
      },
    );
  });
});
