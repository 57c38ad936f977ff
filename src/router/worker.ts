/**
 * Brings a competing topic's messages to one of its workers. A message is done when the worker's peer has it; if the
 * stream ends before, the next worker gets it.
 */
import { workCreditPerWorker } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Tries } from '../ports/cursor-store.ts';
import type { WorkItem, WorkQueue } from '../ports/work-queue.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { Tracked } from './batch-format.ts';
import { type Delivery, untried } from './outstanding.ts';
import type { Recipient } from './recipient.ts';
import { Tracing, type TracingDeps } from './tracked-deliveries.ts';
import { readWork, type Work } from './work-format.ts';

export interface WorkerDeps extends TracingDeps {
  readonly workQueue: WorkQueue;
}

const retryAfterMs = 250;

export class Worker implements AsyncDisposable {
  readonly #deps: WorkerDeps;
  readonly #recipient: Recipient;
  readonly #topic: string;
  readonly #closing = new AbortController();
  readonly #tracing: Tracing;
  readonly #written: { readonly mark: number; readonly item: WorkItem; readonly work: Work }[] = [];
  /** Items that are done, and whose receipts are not stored yet. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosing = false;
  #room = Promise.withResolvers<void>();
  readonly #running: Promise<void>;

  constructor(recipient: Recipient, topic: string, deps: WorkerDeps) {
    this.#deps = deps;
    this.#recipient = recipient;
    this.#topic = topic;
    this.#tracing = new Tracing(deps, { hasOneRecipient: true, acknowledges: recipient.acks !== undefined });
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#leaving);
    this.#closing.abort();
    this.#room.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    using _watching = this.#recipient.watch((mark) => this.#heard(mark));
    const onFailure = (cause: unknown): void =>
      this.#deps.log.warn('work queue broke, consuming again', { topic: this.#topic, cause });
    await untilAborted({ clock: this.#deps.clock, signal, pauseMs: retryAfterMs, onFailure }, () =>
      this.#consume(signal),
    );
    for (const { item } of this.#written) item.release();
  }

  async #consume(signal: AbortSignal): Promise<void> {
    for await (const item of this.#deps.workQueue.consume(this.#topic, { credit: workCreditPerWorker, signal })) {
      const work = readWork(item.body);
      if (!(await this.#isWanted(work))) this.#done(item, work.tracked);
      else {
        const offered = await this.#offer(work, item, signal);
        if (offered === undefined) item.release();
        else if (offered !== 'acknowledged') this.#written.push({ mark: offered, item, work });
      }
    }
  }

  /** Not what has expired, nor what another worker has had under the same name. */
  async #isWanted({ tracked }: Work): Promise<boolean> {
    if (tracked === undefined) return true;
    if (this.#tracing.isExpired(tracked)) {
      this.#tracing.tellExpired(tracked);
      return false;
    }
    return !tracked.isPossibleDuplicate || tracked.id === '' || !(await this.#tracing.wasDelivered(tracked));
  }

  /** Its mark; or `acknowledged` where the worker will say what becomes of it. */
  async #offer(work: Work, item: WorkItem, signal: AbortSignal): Promise<number | 'acknowledged' | undefined> {
    const { acks, inbox } = this.#recipient;
    while (!signal.aborted) {
      const taken = acks === undefined ? inbox.offer(work.frame, 1) : this.#entrust(acks, this.#deliveryOf(work, item));
      if (taken !== undefined) return taken;
      this.#room = Promise.withResolvers<void>();
      await this.#room.promise;
    }
    return undefined;
  }

  /** A worker that went away each time has used the attempts up. */
  #entrust(acks: Acknowledgements, delivery: Delivery): 'acknowledged' | undefined {
    if (!acks.hasRoom(delivery.tries)) return undefined;
    if (delivery.tries.attempts >= acks.attemptsMax) acks.giveUp(delivery);
    else if (acks.offer(delivery) === undefined) return undefined;
    return 'acknowledged';
  }

  #deliveryOf({ frame, tracked }: Work, item: WorkItem): Delivery {
    return {
      topic: this.#topic,
      source: '',
      frame,
      place: item.id,
      tracked,
      tracing: this.#tracing,
      tries: triesOf(item),
      changed: () => undefined,
      done: () => this.#done(item, tracked),
      release: () => item.release(),
    };
  }

  #heard(mark: number | undefined): void {
    if (mark === undefined) return this.#room.resolve();
    for (let first = this.#written[0]; first !== undefined && first.mark <= mark; first = this.#written[0]) {
      this.#written.shift();
      if (first.work.tracked !== undefined) this.#tracing.tell(first.work.tracked, 'delivered');
      this.#done(first.item, first.work.tracked);
    }
  }

  /** It leaves the queue when what its sender is to hear of it is stored. */
  #done(item: WorkItem, tracked: Tracked | undefined): void {
    if (tracked === undefined) return item.ack();
    const leaving = this.#leave(item).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  async #leave(item: WorkItem): Promise<void> {
    const { clock } = this.#deps;
    while (!(await this.#tracing.stored())) {
      if (this.#isClosing) return item.release();
      await clock.sleep(retryAfterMs, { signal: this.#closing.signal }).catch(() => undefined);
    }
    item.ack();
  }
}

/** Queues count each time an item was claimed, whatever became of it. */
const triesOf = ({ attempt }: WorkItem): Tries => ({ ...untried, attempts: attempt - 1 });
