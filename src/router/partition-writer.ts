/**
 * Closes records into batches and appends them, several at a time (D2). While fewer than `batchesInFlightMax` batches
 * are on their way an open one closes as soon as the turn ends, so a lone message waits for nobody; with more, it
 * gathers until one has landed, so the batches grow with the load by themselves.
 */

import type { Circuit } from '../circuits/circuit.ts';
import { batchBytesMax, batchesInFlightMax, batchRecordsMax, publishBacklogBytesMax } from '../model/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { MessageLog } from '../ports/message-log.ts';
import type { BulkLane } from './bulk-lane.ts';
import { OpenBatch, type OutgoingRecord } from './open-batch.ts';
import { bytesOf } from './outgoing-frame.ts';
import type { Publication } from './publication.ts';

interface WriterDeps {
  readonly messageLog: MessageLog;
  readonly clock: Clock;
  readonly bulk: BulkLane;
  /** Hears what becomes of every batch. */
  readonly circuit: Pick<Circuit, 'settle' | 'outage'>;
}

class Gathering implements Publication {
  readonly batch = new OpenBatch();
  readonly durable: Promise<void>;
  /** Begun while the log is down, to find out whether it still is. */
  readonly isTrial: boolean;
  readonly #writer: PartitionWriter;
  readonly #settled = Promise.withResolvers<void>();

  constructor(writer: PartitionWriter, { isTrial }: { readonly isTrial: boolean }) {
    this.#writer = writer;
    this.isTrial = isTrial;
    this.durable = this.#settled.promise;
    // Whoever cares holds `durable`; a batch nobody waits for must not end the process.
    this.durable.catch(() => undefined);
  }

  get room(): Promise<void> | undefined {
    return this.#writer.room;
  }

  settle(append: Promise<void>): void {
    append.then(this.#settled.resolve, this.#settled.reject);
  }
}

export class PartitionWriter {
  readonly #partition: number;
  readonly #deps: WriterDeps;
  #open: Gathering | undefined;
  /** Full, or closed with the turn, and not yet on their way. */
  readonly #closed: Gathering[] = [];
  #closingScheduled = false;
  readonly #inFlight = new Set<Promise<void>>();
  #outstandingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(partition: number, deps: WriterDeps) {
    this.#partition = partition;
    this.#deps = deps;
  }

  get room(): Promise<void> | undefined {
    return this.#room?.promise;
  }

  add(record: OutgoingRecord): Publication {
    const gathering = (this.#open ??= new Gathering(this, { isTrial: this.#deps.circuit.outage !== undefined }));
    gathering.batch.add(record);
    this.#outstandingBytes += bytesOf(record);
    if (this.#outstandingBytes > publishBacklogBytesMax) this.#room ??= Promise.withResolvers<void>();
    if (gathering.batch.bytes >= batchBytesMax || gathering.batch.records >= batchRecordsMax) this.#close();
    else this.#scheduleClose();
    return gathering;
  }

  /** Resolves when everything added so far has landed or failed. */
  async settled(): Promise<void> {
    this.#close();
    await Promise.allSettled([...this.#closed.map(({ durable }) => durable), ...this.#inFlight]);
  }

  #scheduleClose(): void {
    if (this.#closingScheduled || this.#closed.length > 0 || this.#inFlight.size >= batchesInFlightMax) return;
    this.#closingScheduled = true;
    this.#deps.clock.schedule(0, () => {
      this.#closingScheduled = false;
      this.#close();
    });
  }

  #close(): void {
    if (this.#open !== undefined) this.#closed.push(this.#open);
    this.#open = undefined;
    this.#submit();
  }

  readonly #submit = (): void => {
    for (let next = this.#closed[0]; next !== undefined; next = this.#closed[0]) {
      if (this.#inFlight.size >= batchesInFlightMax) return;
      if (!this.#deps.bulk.enter(next.batch.bytes, this.#submit)) return;
      this.#closed.shift();
      this.#append(next);
    }
  };

  #append(gathering: Gathering): void {
    const { bytes } = gathering.batch;
    const append = this.#appended(gathering);
    this.#inFlight.add(append);
    gathering.settle(append.finally(() => this.#landed(append, bytes)));
  }

  /** What waited behind a batch the log did not take is not tried after it: its senders have waited long enough. */
  #appended({ batch, isTrial }: Gathering): Promise<void> {
    const { messageLog, clock, circuit } = this.#deps;
    const { outage } = circuit;
    if (outage !== undefined && !isTrial) return Promise.reject(outage);
    const append = messageLog.append(this.#partition, batch.close(clock.now()));
    circuit.settle(append);
    return append;
  }

  #landed(append: Promise<void>, bytes: number): void {
    this.#inFlight.delete(append);
    this.#outstandingBytes -= bytes;
    if (this.#outstandingBytes <= publishBacklogBytesMax / 2) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    this.#submit();
    if (this.#open !== undefined) this.#scheduleClose();
    this.#deps.bulk.leave(bytes);
  }
}
