import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { MemoryReceiptStore } from '../adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../adapters/memory/memory-topic-index.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import { recentBytesMax } from '../model/limits.ts';
import type { SegmentTopics } from '../model/segment-topics.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import { Receipts } from '../receipts/receipts.ts';
import { OpenBatch } from './open-batch.ts';
import { PartitionReader } from './partition-reader.ts';
import { Recipient } from './recipient.ts';
import { Subscription } from './subscription.ts';
import { Tracing } from './tracked-deliveries.ts';

const sender = { source: 'sv::test::1', epoch: 1n };

const framed = (text: string, bytes = Buffer.byteLength(text)): Uint8Array => {
  const frame = Buffer.alloc(5 + bytes);
  frame.writeUInt32BE(bytes, 1);
  frame.write(text, 5);
  return frame;
};

const entryOf = (topic: string, text: string, bytes?: number): readonly Uint8Array[] => {
  const batch = new OpenBatch();
  batch.add({ topic, frame: framed(text, bytes), sender, audience: undefined });
  return batch.close(0);
};

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
});

const openReader = async (messageLog: MemoryMessageLog, topicIndex: TopicIndex) => {
  const counted = { scans: 0, scanned: 0, leapt: 0 };
  const none = { add: () => undefined };
  const counts = {
    entriesRead: none,
    catchUpScans: { add: (amount: number) => void (counted.scans += amount) },
    entriesScanned: { add: (amount: number) => void (counted.scanned += amount) },
    entriesLeapt: { add: (amount: number) => void (counted.leapt += amount) },
  };
  const deps = { messageLog, topicIndex, counts, clock: systemClock, log: new MemoryLog() };
  const reader = await PartitionReader.open(0, deps);
  opened.push(reader);
  return { reader, counted };
};

/** Everything on the topic from the log's beginning, once `count` messages have come. */
const receive = async (reader: PartitionReader, topic: string, count: number): Promise<string[]> => {
  const texts: string[] = [];
  const all = Promise.withResolvers<void>();
  const offer = (frames: Uint8Array): number => {
    const bytes = Buffer.from(frames);
    for (let at = 0; at < bytes.byteLength; at += 5 + bytes.readUInt32BE(at + 1))
      texts.push(bytes.toString('utf8', at + 5, at + 5 + bytes.readUInt32BE(at + 1)));
    if (texts.length >= count) all.resolve();
    return texts.length;
  };
  const facts = { identity: topic, topic, epoch: 1n, inbox: { offer }, onFenced: () => undefined };
  const recipient = new Recipient(facts, new Map(), () => undefined);
  const hints = new MemoryHints();
  const receiptStore = new MemoryReceiptStore({ clock: systemClock, retentionMs: 1000 });
  const deps = { receiptStore, hints, clock: systemClock, log: new MemoryLog() };
  await using receipts = await Receipts.open(deps);
  const tracing = new Tracing({ ...deps, receipts }, { hasOneRecipient: true, acknowledges: false });
  const from = { offset: 0n, index: 0 };
  recipient.join(new Subscription(recipient, topic, { durable: true, from, tracing }), reader);
  if (count > 0) await all.promise;
  recipient.leave(topic);
  return texts;
};

/** So much at the end that nobody's wait is over before the log has been read. */
const pushOutOfMemory = async (log: MemoryMessageLog): Promise<void> => {
  for (let bytes = 0; bytes <= recentBytesMax; bytes += 256 * 1024)
    await log.append(0, entryOf('end', 'end', 256 * 1024));
};

const lastOffset = async (reader: PartitionReader, log: MemoryMessageLog): Promise<void> => {
  const { start } = await log.read(0, 'end', { signal: new AbortController().signal });
  while (reader.next < start) await new Promise(setImmediate);
};

test('who was away while others were sent to reads little more than what holds something for it', async () => {
  const [log, index] = [new MemoryMessageLog({ partitions: 1, spread: 1 }), new MemoryTopicIndex()];
  const { reader: live } = await openReader(log, index);
  for (let entry = 0; entry < 20_000; entry += 1)
    await log.append(0, entryOf(entry === 15_000 ? 'mine' : `other-${entry % 100}`, `m${entry}`));
  await pushOutOfMemory(log);
  await lastOffset(live, log);
  const { reader, counted } = await openReader(log, index);
  expect(await receive(reader, 'mine', 1)).toEqual(['m15000']);
  expect(counted.scanned).toBeLessThan(2048);
  expect(counted.leapt).toBeGreaterThan(14_000);
});

test('what a scan had to read is indexed by it for the next', async () => {
  const [log, index] = [new MemoryMessageLog({ partitions: 1, spread: 1 }), new MemoryTopicIndex()];
  for (let entry = 0; entry < 10_000; entry += 1)
    await log.append(0, entryOf(entry === 9000 ? 'mine' : 'other', `m${entry}`));
  await pushOutOfMemory(log);
  const first = await openReader(log, index);
  await receive(first.reader, 'mine', 1);
  expect(first.counted.leapt).toBe(0);
  const second = await openReader(log, index);
  expect(await receive(second.reader, 'mine', 1)).toEqual(['m9000']);
  expect(second.counted.leapt).toBeGreaterThan(8000);
});

test('what one scan read serves those who return after it', async () => {
  const [log, index] = [new MemoryMessageLog({ partitions: 1, spread: 1 }), new MemoryTopicIndex()];
  const names = Array.from({ length: 200 }, (_, number) => `t${number}`);
  for (const name of names) await log.append(0, entryOf(name, `to ${name}`));
  const { reader, counted } = await openReader(log, index);
  for (const name of names.toReversed()) expect(await receive(reader, name, 1)).toEqual([`to ${name}`]);
  expect(counted.scans).toBe(1);
});

test('of large entries little is read too: what holds nothing for it within a segment is leapt over', async () => {
  const [log, index] = [new MemoryMessageLog({ partitions: 1, spread: 1 }), new MemoryTopicIndex()];
  const { reader: live } = await openReader(log, index);
  const large = 256 * 1024;
  for (let entry = 0; entry < 300; entry += 1)
    await log.append(0, entryOf(entry === 200 ? 'mine' : 'other', 'm', large));
  await lastOffset(live, log);
  const { reader, counted } = await openReader(log, index);
  expect(await receive(reader, 'mine', 1)).toHaveLength(1);
  // The stretch it is in; the whole log is less than a segment.
  expect(counted.scanned).toBeLessThanOrEqual(17);
  expect(counted.leapt).toBeGreaterThan(180);
});

test('an index that fails is no index', async () => {
  const log = new MemoryMessageLog({ partitions: 1, spread: 1 });
  const broken: TopicIndex = {
    put: () => Promise.reject(new Error('down')),
    find: () => Promise.reject(new Error('down')),
  };
  for (let entry = 0; entry < 3000; entry += 1)
    await log.append(0, entryOf(entry === 2500 ? 'mine' : 'other', `m${entry}`));
  await pushOutOfMemory(log);
  const { reader } = await openReader(log, broken);
  expect(await receive(reader, 'mine', 1)).toEqual(['m2500']);
});

test('whatever is known of which segments: several at once get all that is theirs, once and in order', async () => {
  const entry = fc.integer({ min: 0, max: 9 });
  const plan = fc.record({
    runs: fc.array(fc.record({ topic: entry, entries: fc.integer({ min: 1, max: 1500 }) }), {
      minLength: 1,
      maxLength: 12,
    }),
    forgotten: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
    readers: fc.uniqueArray(entry, { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ runs, forgotten, readers }) => {
      const [log, index] = [new MemoryMessageLog({ partitions: 1, spread: 1 }), new ForgetfulIndex(forgotten)];
      const { reader: live } = await openReader(log, index);
      const sent = new Map<number, string[]>();
      let serial = 0;
      for (const { topic, entries } of runs)
        for (let count = 0; count < entries; count += 1) {
          const text = `m${(serial += 1)}`;
          sent.set(topic, [...(sent.get(topic) ?? []), text]);
          await log.append(0, entryOf(`t${topic}`, text));
        }
      await pushOutOfMemory(log);
      await lastOffset(live, log);
      const { reader } = await openReader(log, index);
      await Promise.all(
        readers.map(async (topic) => {
          const mine = sent.get(topic) ?? [];
          expect(await receive(reader, `t${topic}`, mine.length)).toEqual(mine);
        }),
      );
      for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
    }),
    { numRuns: 25 },
  );
});

/** Knows nothing of some segments, whatever it is told. */
class ForgetfulIndex extends MemoryTopicIndex {
  readonly #forgotten: ReadonlySet<number>;

  constructor(forgotten: readonly number[]) {
    super();
    this.#forgotten = new Set(forgotten);
  }

  override put(partition: number, segment: number, topics: SegmentTopics): Promise<void> {
    return this.#forgotten.has(segment) ? Promise.resolve() : super.put(partition, segment, topics);
  }
}
