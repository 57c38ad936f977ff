import { expect, test } from 'vitest';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { Circuit } from '../circuits/circuit.ts';
import { FabricError } from '../model/error.ts';
import { batchBytesMax, batchesInFlightMax } from '../model/limits.ts';
import { BulkLane } from './bulk-lane.ts';
import { PartitionWriter } from './partition-writer.ts';

const down = new FabricError('STORE_UNAVAILABLE', 'down');

/** A log whose appends are answered by the test. */
class HeldLog extends MemoryMessageLog {
  readonly appends: PromiseWithResolvers<void>[] = [];

  override append(): Promise<void> {
    const append = Promise.withResolvers<void>();
    this.appends.push(append);
    return append.promise;
  }
}

const opened = () => {
  const clock = new VirtualClock();
  const messageLog = new HeldLog({ partitions: 1, spread: 1 });
  const circuit = new Circuit('the log', { clock, log: new MemoryLog(), metrics: new MemoryMetrics() });
  const writer = new PartitionWriter(0, { messageLog, clock, bulk: new BulkLane(), circuit });
  const add = (bytes: number) => {
    const frame = Buffer.alloc(bytes);
    return writer.add({
      topic: 'ag::w::i::s',
      frame,
      sender: { source: 'sv::test::1', epoch: 1n },
      audience: undefined,
    }).durable;
  };
  return { clock, circuit, appends: messageLog.appends, add };
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
