/**
 * Brings a competing topic's messages to one of its workers. A message is done when the worker's peer has it; if the
 * stream ends before, the next worker gets it.
 */
import { workCreditPerWorker } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { WorkItem, WorkQueue } from '../ports/work-queue.ts';
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
  #room = Promise.withResolvers<void>();
  readonly #running: Promise<void>;

  constructor(recipient: Recipient, topic: string, deps: WorkerDeps) {
    this.#deps = deps;
    this.#recipient = recipient;
    this.#topic = topic;
    this.#tracing = new Tracing(deps, { hasOneRecipient: true });
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
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
      if (!(await this.#isWanted(work))) item.ack();
      else {
        const mark = await this.#offer(work, signal);
        if (mark === undefined) item.release();
        else this.#written.push({ mark, item, work });
      }
    }
  }

  /** Not what has expired, nor what another worker has had under the same name. */
  async #isWanted({ tracked }: Work): Promise<boolean> {
    if (tracked === undefined) return true;
    if (this.#tracing.isExpired(tracked)) {
      this.#tracing.tell(tracked, 'expired');
      return false;
    }
    return !tracked.isPossibleDuplicate || tracked.id === '' || !(await this.#tracing.wasDelivered(tracked));
  }

  async #offer({ frame }: Work, signal: AbortSignal): Promise<number | undefined> {
    while (!signal.aborted) {
      const mark = this.#recipient.inbox.offer(frame, 1);
      if (mark !== undefined) return mark;
      this.#room = Promise.withResolvers<void>();
      await this.#room.promise;
    }
    return undefined;
  }

  #heard(mark: number | undefined): void {
    if (mark === undefined) return this.#room.resolve();
    for (let first = this.#written[0]; first !== undefined && first.mark <= mark; first = this.#written[0]) {
      this.#written.shift();
      first.item.ack();
      if (first.work.tracked !== undefined) this.#tracing.tell(first.work.tracked, 'delivered');
    }
  }
}
