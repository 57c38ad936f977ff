import { expect, test } from 'vitest';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { memoryWriter } from '../adapters/memory/memory-writer.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { Circuit } from '../circuits/circuit.ts';
import { FabricError } from '../model/error.ts';
import { batchBytesMax, batchesInFlightMax } from '../model/limits.ts';
import { BulkLane } from './bulk-lane.ts';
import { PartitionWriter } from './partition-writer.ts';
import { RecordBatch } from './record-batch.ts';

const down = new FabricError('STORE_UNAVAILABLE', 'down');
const lost = new FabricError('LEASE_LOST', 'lost');

/** A log whose appends are answered by the test; what only seals off what was given up is kept apart. */
class HeldLog extends MemoryMessageLog {
  readonly appends: PromiseWithResolvers<void>[] = [];
  readonly seals: PromiseWithResolvers<void>[] = [];

  override append(_partition: number, parts: readonly Uint8Array[]): Promise<void> {
    const append = Promise.withResolvers<void>();
    const isSeal = [...new RecordBatch(Buffer.concat(parts)).groups].length === 0;
    (isSeal ? this.seals : this.appends).push(append);
    return append.promise;
  }

  readonly fences: (PromiseWithResolvers<void> & { readonly writer: string })[] = [];

  override fence(writer: string): Promise<void> {
    const fence = { ...Promise.withResolvers<void>(), writer };
    this.fences.push(fence);
    return fence.promise;
  }
}

const opened = () => {
  const clock = new VirtualClock();
  const messageLog = new HeldLog({ partitions: 1, spread: 1 });
  const circuit = new Circuit('the log', { clock, log: new MemoryLog(), metrics: new MemoryMetrics() });
  const writer = new PartitionWriter(0, {
    messageLog,
    clock,
    bulk: new BulkLane(),
    circuit,
    writers: { writer: memoryWriter() },
    signal: new AbortController().signal,
  });
  const add = (bytes: number) => {
    const frame = Buffer.alloc(bytes);
    return writer.add({
      topic: 'ag::w::i::s',
      frame,
      sender: { source: 'sv::test::1', epoch: 1n },
      audience: undefined,
    }).durable;
  };
  const { appends, seals, fences } = messageLog;
  return { clock, circuit, writer, appends, seals, fences, add };
};

test('what waits behind a batch that a log which is down did not take fails with it, and what comes then is tried', async () => {
  const { clock, circuit, appends, add } = opened();
  const all = Array.from({ length: batchesInFlightMax + 3 }, () => add(batchBytesMax));
  expect(appends).toHaveLength(batchesInFlightMax);
  for (const append of appends) append.reject(down);
  for (const durable of all) await expect(durable).rejects.toBe(down);
  expect(appends).toHaveLength(batchesInFlightMax);
  const trial = add(1);
  await clock.pass(0);
  expect(appends).toHaveLength(batchesInFlightMax + 1);
  appends.at(-1)?.resolve();
  await trial;
  expect(circuit.outage).toBeUndefined();
});

test('what waits behind a batch that a log which is there did not take is tried', async () => {
  const { circuit, appends, add } = opened();
  const all = Array.from({ length: batchesInFlightMax + 1 }, () => add(batchBytesMax));
  const [first, second, ...rest] = appends;
  second?.resolve();
  await all[1];
  first?.reject(down);
  await expect(all[0]).rejects.toBe(down);
  expect(circuit.outage).toBeUndefined();
  expect(appends).toHaveLength(batchesInFlightMax + 1);
  for (const append of [...rest, appends.at(-1)]) append?.resolve();
  await Promise.all(all.slice(1));
});

test('what was given up is in doubt until an empty batch behind it has landed', async () => {
  const { clock, writer, appends, seals, add } = opened();
  const durable = add(batchBytesMax);
  expect(writer.doubt).toBeUndefined();
  appends[0]?.reject(down);
  await expect(durable).rejects.toBe(down);
  const { doubt } = writer;
  expect(doubt).toBeDefined();
  seals[0]?.reject(down);
  await clock.pass(1000);
  expect(writer.doubt).toBe(doubt);
  expect(seals).toHaveLength(2);
  seals[1]?.resolve();
  await doubt;
  expect(writer.doubt).toBeUndefined();
});

test('what was given up under a lease that is lost then is in doubt until that is fenced off', async () => {
  const { writer, appends, seals, fences, add } = opened();
  const durable = add(batchBytesMax);
  appends[0]?.reject(down);
  await expect(durable).rejects.toBe(down);
  const { doubt } = writer;
  seals[0]?.reject(lost);
  await expect.poll(() => fences).toHaveLength(1);
  expect(writer.doubt).toBe(doubt);
  fences[0]?.resolve();
  await doubt;
  expect(writer.doubt).toBeUndefined();
});

test('what a log refuses because the lease was lost meanwhile is in doubt as well', async () => {
  const { writer, appends, seals, fences, add } = opened();
  const durable = add(batchBytesMax);
  appends[0]?.reject(lost);
  await expect(durable).rejects.toBe(lost);
  expect(writer.doubt).toBeDefined();
  seals[0]?.reject(lost);
  await expect.poll(() => fences).toHaveLength(1);
  fences[0]?.resolve();
  await writer.doubt;
  expect(writer.doubt).toBeUndefined();
});
