/**
 * Closes records into batches and appends them, several at a time (D2). While fewer than `batchesInFlightMax` batches
 * are on their way an open one closes as soon as the turn ends, so a lone message waits for nobody; with more, it
 * gathers until one has landed, so the batches grow with the load by themselves.
 *
 * An append that was given up may land all the same, but not behind a later one: until a later one is known to have
 * landed, an empty one where there is no other, the writer is in doubt.
 */
import type { Circuit } from '../circuits/circuit.ts';
import { asFabricError, FabricError } from '../model/error.ts';
import { batchBytesMax, batchesInFlightMax, batchRecordsMax, publishBacklogBytesMax } from '../model/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogWriter, MessageLog } from '../ports/message-log.ts';
import type { BulkLane } from './bulk-lane.ts';
import { OpenBatch, type OutgoingRecord } from './open-batch.ts';
import { bytesOf } from './outgoing-frame.ts';
import type { Publication } from './publication.ts';

/** Whose turn it is: changes when the process loses its lease and gets another. */
export interface WriterSource {
  readonly writer: LogWriter;
}

interface WriterDeps {
  readonly messageLog: MessageLog;
  readonly writers: WriterSource;
  readonly clock: Clock;
  readonly bulk: BulkLane;
  /** Hears what becomes of every batch. */
  readonly circuit: Pick<Circuit, 'settle' | 'outage'>;
  readonly signal: AbortSignal;
}

const sealAgainAfterMs = 100;

class Gathering implements Publication {
  readonly batch = new OpenBatch();
  readonly durable: Promise<void>;
  readonly writer: LogWriter;
  /** Begun while the log is down, to find out whether it still is. */
  readonly isTrial: boolean;
  readonly #partition: PartitionWriter;
  readonly #settled = Promise.withResolvers<void>();

  constructor(partition: PartitionWriter, { writer, isTrial }: Pick<Gathering, 'writer' | 'isTrial'>) {
    this.#partition = partition;
    this.writer = writer;
    this.isTrial = isTrial;
    this.durable = this.#settled.promise;
    // Whoever cares holds `durable`; a batch nobody waits for must not end the process.
    this.durable.catch(() => undefined);
  }

  get room(): Promise<void> | undefined {
    return this.#partition.room;
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
  /** Under each lease: how many batches were given up, and when that is no longer in doubt. */
  readonly #doubts = new Map<LogWriter, { givenUp: number; readonly over: Promise<void> }>();

  constructor(partition: number, deps: WriterDeps) {
    this.#partition = partition;
    this.#deps = deps;
  }

  get room(): Promise<void> | undefined {
    return this.#room?.promise;
  }

  /** Set while something may still land of which whoever published it has heard that nothing is known. */
  get doubt(): Promise<void> | undefined {
    const [first, ...others] = [...this.#doubts.values()].map(({ over }) => over);
    return others.length === 0 ? first : Promise.all([first, ...others]).then(() => undefined);
  }

  add(record: OutgoingRecord): Publication {
    const { writers, circuit } = this.#deps;
    const { writer } = writers;
    if (this.#open !== undefined && this.#open.writer !== writer) this.#close();
    const gathering = (this.#open ??= new Gathering(this, { writer, isTrial: circuit.outage !== undefined }));
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
  #appended({ batch, isTrial, writer }: Gathering): Promise<void> {
    const { messageLog, clock, circuit } = this.#deps;
    const { outage } = circuit;
    if (outage !== undefined && !isTrial) return Promise.reject(outage);
    const append = messageLog.append(this.#partition, batch.close(clock.now()), writer);
    circuit.settle(append);
    append.catch((cause: unknown) => this.#giveUp(cause, writer));
    return append.then(() => stillCurrent(writer));
  }

  #giveUp(cause: unknown, writer: LogWriter): void {
    if (!isUnknown(cause) && !isLost(cause)) return;
    const doubt = this.#doubts.get(writer);
    if (doubt !== undefined) {
      doubt.givenUp += 1;
      return;
    }
    const over = this.#seal(writer).finally(() => this.#doubts.delete(writer));
    this.#doubts.set(writer, { givenUp: 1, over });
    // Of a router that is closed: what is in doubt remains so.
    over.catch(() => undefined);
  }

  /** Under a lease that was lost nothing more can be appended, but what was may land yet: so it is fenced off. */
  async #seal(writer: LogWriter): Promise<void> {
    const { messageLog, clock, signal } = this.#deps;
    for (let isSealed = false; !isSealed; ) {
      const before = this.#doubts.get(writer)?.givenUp ?? 1;
      const failure = await messageLog
        .append(this.#partition, new OpenBatch().close(clock.now()), writer)
        .then(() => undefined, asFabricError);
      if (isLost(failure)) return messageLog.fence(writer.name, { signal });
      isSealed = failure === undefined ? before === this.#doubts.get(writer)?.givenUp : !isUnknown(failure);
      if (failure !== undefined && !isSealed) await clock.sleep(sealAgainAfterMs, { signal });
    }
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

/** What a log confirms to a writer that may have been fenced off, it may have dropped. */
const stillCurrent = (writer: LogWriter): void => {
  if (!writer.isCurrent()) throw new FabricError('LEASE_LOST', 'the lease was lost before the log had the message');
};

const isLost = (cause: unknown): boolean => cause instanceof FabricError && cause.reason === 'LEASE_LOST';

const isUnknown = (cause: unknown): boolean => cause instanceof FabricError && cause.reason === 'STORE_UNAVAILABLE';
