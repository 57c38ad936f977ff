/**
 * The door of the router: messages go in under a permit and come out at recipients. Topics live in partitions of the
 * log; this process reads a partition while one of its sessions subscribes in it.
 */
import type { Permit, PublishPermit } from '../acl/authorizer.ts';
import { Circuit } from '../circuits/circuit.ts';
import { FabricError } from '../model/error.ts';
import { hasOneRecipient, type Topic } from '../model/topic.ts';
import type { Clock } from '../ports/clock.ts';
import type { CursorStore, Position } from '../ports/cursor-store.ts';
import type { DeadLetterStore } from '../ports/dead-letter-store.ts';
import type { Log } from '../ports/log.ts';
import type { MessageLog } from '../ports/message-log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import type { Receipts } from '../receipts/receipts.ts';
import { AckedSubscription } from './acked-subscription.ts';
import { type AckFacts, Acknowledgements } from './acknowledgements.ts';
import type { ProgressAudience, Tracked } from './batch-format.ts';
import { BulkLane } from './bulk-lane.ts';
import { Cursors } from './cursors.ts';
import type { Sender } from './open-batch.ts';
import type { OutgoingFrame } from './outgoing-frame.ts';
import { partitionOf } from './partition.ts';
import { PartitionReader, type ReaderDeps } from './partition-reader.ts';
import { PartitionWriter, type WriterSource } from './partition-writer.ts';
import type { Publication } from './publication.ts';
import { Recipient, type RecipientFacts } from './recipient.ts';
import type { Subscribed } from './subscribed.ts';
import { Subscription } from './subscription.ts';
import { Tracing } from './tracked-deliveries.ts';
import { toWork } from './work-format.ts';
import { Worker } from './worker.ts';

export interface RouterDeps {
  readonly messageLog: MessageLog;
  readonly writers: WriterSource;
  readonly topicIndex: TopicIndex;
  readonly cursorStore: CursorStore;
  readonly workQueue: WorkQueue;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly receipts: Receipts;
  readonly deadLetterStore: DeadLetterStore;
}

/**
 * Where a subscription starts and whether its place is kept.
 *
 * - `durable`: after the last delivery; for an identity's first time, with the oldest message there is
 * - `resume_or_tail`: after the last delivery; the first time, with what comes from now on
 * - `fresh`: with what comes from now on, and its place is kept: for identities that did not exist before
 * - `live`: with what comes from now on, and only while connected
 */
export type SubscriptionMode = 'durable' | 'resume_or_tail' | 'fresh' | 'live';

export interface OutgoingMessage extends OutgoingFrame {
  readonly sender: Sender;
  readonly audience?: ProgressAudience;
  readonly tracked?: Tracked | undefined;
}

const sweepEveryMs = 15_000;
const oldest: Position = { offset: 0n, index: 0 };

export class Router implements AsyncDisposable {
  readonly #deps: RouterDeps;
  readonly #readerDeps: ReaderDeps;
  readonly #cursors: Cursors;
  readonly #bulk = new BulkLane();
  readonly #circuits: { readonly log: Circuit; readonly work: Circuit };
  readonly #writers = new Map<number, PartitionWriter>();
  readonly #readers = new Map<number, Promise<PartitionReader>>();
  readonly #workers = new Map<Recipient, Worker[]>();
  readonly #closing = new AbortController();
  readonly #sweeping: Promise<void>;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#circuits = { log: new Circuit('message broker', deps), work: new Circuit('work queue', deps) };
    this.#cursors = new Cursors(deps);
    this.#readerDeps = { ...deps, counts: readerCounts(deps.metrics) };
    this.#sweeping = this.#sweep();
  }

  /** Whether what would keep a message to the topic is known to be down. */
  isDown(topic: Topic): boolean {
    return this.#circuitOf(topic).outage !== undefined;
  }

  /** Why a message to the topic is not to be published now: `ERR_CIRCUIT_OPEN` while what would keep it is down. */
  refusal(topic: Topic): FabricError | undefined {
    return this.#circuitOf(topic).refusal();
  }

  /**
   * Hands a message to the log, or to the workers of a competing topic. Returns at once; what becomes of it is in the
   * publication. One sender's messages to one recipient keep their order (I5).
   */
  publish({ access }: PublishPermit, message: OutgoingMessage): Publication {
    return this.#publish(access.topic, message);
  }

  /** Hands a message that was given up to its topic once more, in the name of its first sender. */
  republish(
    _permit: Permit<{ readonly action: 'manage_dead_letters' }>,
    topic: Topic,
    message: OutgoingMessage,
  ): Publication {
    const refusal = this.refusal(topic);
    if (refusal !== undefined) return { durable: Promise.reject(refusal), room: undefined };
    return this.#publish(topic, message);
  }

  /** Publishes what was permitted when it was accepted, and has been kept since. */
  publishPermitted(topic: Topic, message: OutgoingMessage): Publication {
    return this.#publish(topic, message);
  }

  #publish(topic: Topic, { frame, records, rest, sender, audience, tracked }: OutgoingMessage): Publication {
    if (topic.kind === 'task_workers') {
      const durable = this.#deps.workQueue.push(topic.text, toWork(frame, tracked));
      this.#circuits.work.settle(durable);
      return { durable, room: undefined };
    }
    return this.#writerOf(topic).add({ topic: topic.text, frame, records, rest, sender, audience, tracked });
  }

  #circuitOf({ kind }: Topic): Circuit {
    return kind === 'task_workers' ? this.#circuits.work : this.#circuits.log;
  }

  /** Set while something that was published may still land though it has been refused; resolves when nothing can. */
  get doubt(): Promise<void> | undefined {
    const doubts = [...this.#writers.values()].flatMap(({ doubt }) => doubt ?? []);
    return doubts.length === 0 ? undefined : Promise.all(doubts).then(() => undefined);
  }

  /** Opens a session's receiving end, fencing off the cursors from its predecessors. */
  async open(facts: RecipientFacts): Promise<Recipient> {
    const committed = await this.#deps.cursorStore.open(facts.identity, facts.epoch);
    if (committed === undefined) throw new FabricError('LEASE_LOST', `a newer session of ${facts.identity} is there`);
    const { acks } = facts;
    if (acks === undefined) return new Recipient(facts, committed, this.#cursors.touch);
    const open = (recipient: Recipient): Acknowledgements => new Acknowledgements(this.#ackDeps(recipient, acks));
    return new Recipient(facts, committed, this.#cursors.touch, open);
  }

  #ackDeps(recipient: Recipient, acks: AckFacts) {
    const { identity, inbox } = recipient;
    const onRoom = (): void => recipient.resumeFull();
    const keep = (): Promise<boolean> => this.#cursors.settle(recipient);
    return { ...this.#deps, ...acks, identity, inbox, onRoom, keep };
  }

  /** From when it resolves on, nothing published to the topic passes the recipient by. */
  async subscribe(recipient: Recipient, topic: Topic, mode: SubscriptionMode): Promise<void> {
    if (recipient.has(topic.text)) return;
    const reader = await this.#readerOf(topic);
    const committed = mode === 'live' ? undefined : recipient.placeOn(topic.text);
    const from = committed ?? (mode === 'durable' ? oldest : { offset: reader.next, index: 0 });
    const acknowledges = recipient.acks !== undefined;
    const tracing = new Tracing(this.#deps, { hasOneRecipient: hasOneRecipient(topic), acknowledges });
    const facts = { durable: mode !== 'live', from, tracing };
    recipient.join(subscriptionOf(recipient, topic, facts), reader);
  }

  unsubscribe(recipient: Recipient, topic: Topic): void {
    recipient.leave(topic.text);
  }

  /** Makes the recipient one of the workers of a competing topic. */
  work(recipient: Recipient, topic: Topic): void {
    const workers = this.#workers.get(recipient) ?? [];
    workers.push(new Worker(recipient, topic.text, this.#deps));
    this.#workers.set(recipient, workers);
  }

  /**
   * Stores the recipient's places and forgets it. Its inbox takes nothing after this was called. `excused` where it has
   * no part in that: what it has not answered is no loss.
   */
  async close(recipient: Recipient, { excused = false } = {}): Promise<void> {
    recipient.acks?.end({ excused });
    const workers = this.#workers.get(recipient) ?? [];
    this.#workers.delete(recipient);
    const settled = this.#cursors.settle(recipient);
    for (const topic of recipient.topics) recipient.leave(topic);
    await Promise.all([settled, ...workers.map((worker) => worker[Symbol.asyncDispose]())]);
    recipient.acks?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#sweeping;
    await Promise.all([...this.#writers.values()].map((writer) => writer.settled()));
    for (const reader of await Promise.allSettled(this.#readers.values()))
      if (reader.status === 'fulfilled') await reader.value[Symbol.asyncDispose]();
    await this.#cursors[Symbol.asyncDispose]();
  }

  #writerOf(topic: Topic): PartitionWriter {
    const partition = partitionOf(topic, this.#deps.messageLog.layout);
    let writer = this.#writers.get(partition);
    if (writer === undefined) {
      const { signal } = this.#closing;
      const shared = { bulk: this.#bulk, circuit: this.#circuits.log, signal };
      writer = new PartitionWriter(partition, { ...this.#deps, ...shared });
      this.#writers.set(partition, writer);
    }
    return writer;
  }

  #readerOf(topic: Topic): Promise<PartitionReader> {
    const partition = partitionOf(topic, this.#deps.messageLog.layout);
    let reader = this.#readers.get(partition);
    if (reader === undefined) {
      reader = PartitionReader.open(partition, this.#readerDeps);
      this.#readers.set(partition, reader);
      reader.catch(() => this.#readers.delete(partition));
    }
    return reader;
  }

  /** Drops readers of partitions nobody here has wanted for a while. */
  async #sweep(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#deps.clock.sleep(sweepEveryMs, { signal }).catch(() => undefined);
      for (const [partition, opening] of this.#readers) {
        const reader = await opening.catch(() => undefined);
        if (reader?.isIdle() !== true) continue;
        this.#readers.delete(partition);
        await reader[Symbol.asyncDispose]();
      }
    }
  }
}

/** Progress is no message and is not acknowledged. */
const isAcknowledged = ({ kind }: Topic): boolean => kind !== 'progress' && kind !== 'user_progress';

const subscriptionOf = (
  recipient: Recipient,
  topic: Topic,
  facts: { readonly durable: boolean; readonly from: Position; readonly tracing: Tracing },
): Subscribed => {
  const { acks } = recipient;
  if (acks === undefined || !isAcknowledged(topic)) return new Subscription(recipient, topic.text, facts);
  const onMoved = (): void => {
    if (facts.durable) recipient.moved();
  };
  return new AckedSubscription(recipient, topic.text, { ...facts, acks, onMoved });
};

const readerCounts = (metrics: Metrics): ReaderDeps['counts'] => {
  const count = (name: string, help: string) => metrics.counter({ name, help, labels: [] }).at({});
  return {
    entriesRead: count('aether_log_entries_read_total', 'Log entries taken by the live readers.'),
    catchUpScans: count('aether_catch_up_scans_total', 'Catch-up scans begun; one serves all who wait on a partition.'),
    entriesScanned: count('aether_catch_up_entries_total', 'Log entries read by catch-up scans.'),
    entriesLeapt: count('aether_catch_up_leapt_total', 'Offsets catch-up scans leapt over, by the topic index.'),
  };
};
