/**
 * The message log alone, as the router uses it: records closed into batches by the router's own writers, appended through
 * the adapter, read back through it and counted. A record counts when it was confirmed and has come back.
 */

import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { memoryWriter } from '../../src/adapters/memory/memory-writer.ts';
import { defaultRetention } from '../../src/adapters/rabbitmq/log-streams.ts';
import {
  defaultRabbitMessageLogSettings,
  openRabbitMessageLog,
} from '../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { parseBrokerAddress } from '../../src/adapters/rabbitmq/stream/broker-address.ts';
import { defaultLogRetention, SqliteMessageLog } from '../../src/adapters/sql/sqlite-message-log.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { systemEntropy } from '../../src/adapters/system/system-entropy.ts';
import { topic } from '../../src/model/topic.ts';
import type { LogLayout, MessageLog } from '../../src/ports/message-log.ts';
import { BulkLane } from '../../src/router/bulk-lane.ts';
import type { OutgoingRecord } from '../../src/router/open-batch.ts';
import { partitionOf } from '../../src/router/partition.ts';
import { PartitionWriter } from '../../src/router/partition-writer.ts';
import { RecordBatch } from '../../src/router/record-batch.ts';
import { nowMs } from '../harness/statistics.ts';
import { agentTopic } from '../wire/frames.ts';

export interface LogRun {
  readonly seconds: number;
  readonly recordBytes: number;
}

export interface LogRate {
  readonly recordsPerSecond: number;
  readonly recordsPerEntry: number;
  readonly entryBytes: number;
}

interface Counts {
  records: number;
  entries: number;
  bytes: number;
}

const layout: LogLayout = { partitions: 16, spread: 16 };
const topics = 50;
/** Added in one turn, as a busy gateway's sockets bring them. */
const turnRecords = 256;
/** Not yet read back. */
const underWayMax = 65_536;
const openTimeoutMs = 30_000;
const deps = { clock: systemClock, entropy: systemEntropy, log: new MemoryLog() };

export class AdapterLog {
  #messageLog: MessageLog | undefined;
  #writers: readonly PartitionWriter[] = [];
  readonly #read: Counts = { records: 0, entries: 0, bytes: 0 };
  #wake: PromiseWithResolvers<void> | undefined;
  #added = 0;

  async openRabbit({ url, prefix }: { readonly url: string; readonly prefix: string }): Promise<void> {
    const settings = {
      ...defaultRabbitMessageLogSettings,
      addresses: [parseBrokerAddress(url)] as const,
      prefix,
      layout,
      retention: defaultRetention,
      clientName: 'aether bench',
    };
    await this.#open(await openRabbitMessageLog(settings, deps, { signal: AbortSignal.timeout(openTimeoutMs) }));
  }

  async openSqlite({ path }: { readonly path: string }): Promise<void> {
    await this.#open(await SqliteMessageLog.open({ path, layout, retention: defaultLogRetention }, deps));
  }

  async run({ seconds, recordBytes }: LogRun): Promise<LogRate> {
    const records = recordsOf(recordBytes);
    const before = { ...this.#read };
    const startedMs = nowMs();
    while (nowMs() < startedMs + seconds * 1000) {
      for (let index = 0; index < turnRecords; index += 1) this.#add(records[this.#added % records.length]);
      await (this.#added - this.#read.records > underWayMax ? this.#taken() : nextTurn());
    }
    await Promise.all(this.#writers.map((writer) => writer.settled()));
    while (this.#read.records < this.#added) await this.#taken();
    const ms = nowMs() - startedMs;
    const [read, entries] = [this.#read.records - before.records, this.#read.entries - before.entries];
    return {
      recordsPerSecond: (read * 1000) / ms,
      recordsPerEntry: read / entries,
      entryBytes: Math.round((this.#read.bytes - before.bytes) / entries),
    };
  }

  async #open(messageLog: MessageLog): Promise<void> {
    this.#messageLog = messageLog;
    const { signal } = new AbortController();
    const circuit = { settle: () => undefined, outage: undefined };
    const shared = { messageLog, bulk: new BulkLane(), circuit, writers: { writer: memoryWriter() }, signal };
    this.#writers = Array.from(
      { length: layout.partitions },
      (_, partition) => new PartitionWriter(partition, { ...deps, ...shared }),
    );
    for (let partition = 0; partition < layout.partitions; partition += 1) {
      const reading = await messageLog.read(partition, 'end', { signal });
      void this.#count(reading.entries);
    }
  }

  #add(place: Placed | undefined): void {
    if (place === undefined || this.#messageLog === undefined) throw new Error('no log is open');
    this.#writers[place.partition]?.add(place.record);
    this.#added += 1;
  }

  async #count(groups: AsyncIterable<readonly { readonly batch: Uint8Array }[]>): Promise<void> {
    for await (const entries of groups)
      for (const { batch } of entries) {
        this.#read.records += new RecordBatch(batch).records;
        this.#read.entries += 1;
        this.#read.bytes += batch.byteLength;
        this.#wake?.resolve();
      }
  }

  #taken(): Promise<void> {
    this.#wake = Promise.withResolvers();
    return this.#wake.promise;
  }
}

interface Placed {
  readonly partition: number;
  readonly record: OutgoingRecord;
}

const recordsOf = (recordBytes: number): readonly Placed[] => {
  const frame = Buffer.alloc(recordBytes, 7);
  const sender = { source: agentTopic('bench', 'sender'), epoch: 1n };
  return Array.from({ length: topics }, (_, index) => {
    const to = topic(agentTopic('bench', `r${index}`));
    return { partition: partitionOf(to, layout), record: { topic: to.text, frame, sender, audience: undefined } };
  });
};

const nextTurn = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
};
