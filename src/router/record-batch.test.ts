import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasProgress, hasTracked } from './batch-format.ts';
import { OpenBatch, type OutgoingRecord, type Sender } from './open-batch.ts';
import { RecordBatch } from './record-batch.ts';

const framed = (message: Uint8Array): Uint8Array => {
  const frame = Buffer.alloc(5 + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, 5);
  return frame;
};

const senders: readonly Sender[] = [
  { source: 'ag::w::i::one', epoch: 1_790_000_000_000_000n },
  { source: '', epoch: 2n ** 63n },
  { source: 'us::ünï::1', epoch: 0n },
];

const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  topic: fc.constantFrom('ag::w::i::a', 'pg::w', 'us::ü::1', 'ga::w'),
  frame: fc
    .oneof({ weight: 20, arbitrary: fc.uint8Array({ maxLength: 300 }) }, fc.constant(new Uint8Array(20_000)))
    .map(framed),
  sender: fc.constantFrom(...senders),
  audience: fc.option(fc.record({ recipient: fc.constantFrom('', 'us::ü', 'ag::w::i::a') }), { nil: undefined }),
  tracked: fc.constant(undefined),
});

const tracked = fc.record({
  owner: fc.constantFrom('ag::w::i::one', 'orc::i::ü', 'wfe::shard0'),
  id: fc.string({ unit: 'grapheme', maxLength: 30 }),
  expiresAtMs: fc.constantFrom(0, 1_790_000_000_123),
  isPossibleDuplicate: fc.boolean(),
});

const anyRecord = fc.oneof(
  record,
  fc.record({ record, tracked }).map(({ record: one, tracked: beside }) => ({
    ...one,
    audience: undefined,
    tracked: beside,
  })),
);

const closed = (records: readonly OutgoingRecord[]): Buffer => {
  const open = new OpenBatch();
  for (const one of records) open.add(one);
  return Buffer.concat(open.close(1234.5));
};

/** What the records of a run have in common. */
const runOf = ([first]: readonly OutgoingRecord[]): Pick<OutgoingRecord, 'topic' | 'sender'> => ({
  topic: first?.topic ?? '',
  sender: first?.sender ?? { source: '', epoch: 0n },
});

describe('record batch', () => {
  test('what goes in comes out, grouped by topic and in order within each', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 60 }), (records) => {
        const batch = new RecordBatch(closed(records));
        expect(batch.records).toBe(records.length);
        expect(batch.closedAtMs).toBe(1234.5);
        let first = 0;
        for (const group of batch.groups) {
          const mine = records.filter(({ topic }) => topic === group.topic);
          expect(group.first).toBe(first);
          first += group.records;
          expect(group.records).toBe(mine.length);
          expect((group.traits & hasProgress) !== 0).toBe(mine.some(({ audience }) => audience !== undefined));
          expect((group.traits & hasTracked) !== 0).toBe(mine.some((one) => one.tracked !== undefined));
          expect(Buffer.from(group.framesFrom(0)).equals(Buffer.concat(mine.map(({ frame }) => frame)))).toBe(true);
          expect(group.metas()).toEqual(
            mine.map(({ sender, audience, tracked: beside }) => ({ ...sender, audience, tracked: beside })),
          );
          for (const [index, { frame }] of mine.entries())
            expect(Buffer.from(group.frames(index, index + 1)).equals(Buffer.from(frame))).toBe(true);
        }
        expect(first).toBe(records.length);
        expect(new Set(batch.groups.map(({ topic }) => topic)).size).toBe(batch.groups.length);
      }),
    );
  });

  test('frames that were added together come out like frames added one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.array(record, { minLength: 1, maxLength: 5 }), { minLength: 1 }), (runs) => {
        const plain = runs.map((run) => run.map((one) => ({ ...one, ...runOf(run), audience: undefined })));
        const together = plain.map((run) => ({
          ...runOf(run),
          frame: Buffer.concat(run.map(({ frame }) => frame)),
          records: run.length,
          audience: undefined,
        }));
        expect(closed(together).equals(closed(plain.flat()))).toBe(true);
      }),
    );
  });

  test('a frame in pieces comes out in one', () => {
    const sizes = fc.array(fc.constantFrom(1, 60, 16_383, 16_384, 50_000), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.record({ record, sizes }), { minLength: 1, maxLength: 8 }), (added) => {
        const whole = added.map(({ record: one, sizes: lengths }) => {
          const bytes = lengths.reduce((sum, length) => sum + length, 0);
          return { one: { ...one, frame: framed(new Uint8Array(bytes).fill(7)) }, lengths };
        });
        const pieces = whole.map(({ one, lengths }) => {
          let at = 5;
          const rest = lengths.map((length) => one.frame.subarray(at, (at += length)));
          return { ...one, frame: one.frame.subarray(0, 5), rest };
        });
        expect(closed(pieces).equals(closed(whole.map(({ one }) => one)))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('framesFrom leaves out the records before', () => {
    const frames = [1, 2, 3].map((size) => framed(new Uint8Array(size).fill(size)));
    const batch = new RecordBatch(
      closed(
        frames.map((frame) => ({
          topic: 't',
          frame,
          sender: senders[1] ?? { source: '', epoch: 0n },
          audience: undefined,
        })),
      ),
    );
    expect(Buffer.from(batch.groups[0]?.framesFrom(2) ?? [])).toEqual(Buffer.from(frames[2] ?? []));
  });

  test('an unknown version or a truncated batch is refused, never misread', () => {
    const bytes = closed([
      { topic: 't', frame: framed(new Uint8Array(50)), sender: { source: 's', epoch: 1n }, audience: undefined },
    ]);
    const other = Buffer.from(bytes);
    other[0] = 9;
    expect(() => new RecordBatch(other)).toThrow(RangeError);
    for (let length = 1; length < bytes.byteLength; length += 1)
      expect(() => new RecordBatch(bytes.subarray(0, length)), `cut at ${length}`).toThrow(RangeError);
  });

  test('random bytes never do anything but be refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        bytes[0] = 1;
        try {
          for (const group of new RecordBatch(bytes).groups) group.metas();
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
