/**
 * Brings a competing topic's messages to one of its workers. A message is done when the worker's peer has it; if the
 * stream ends before, the next worker gets it.
 */
import { workCreditPerWorker } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { WorkItem, WorkQueue } from '../ports/work-queue.ts';
import type { Recipient } from './recipient.ts';

export interface WorkerDeps {
  readonly workQueue: WorkQueue;
  readonly clock: Clock;
  readonly log: Log;
}

const retryAfterMs = 250;

export class Worker implements AsyncDisposable {
  readonly #deps: WorkerDeps;
  readonly #recipient: Recipient;
  readonly #topic: string;
  readonly #closing = new AbortController();
  readonly #written: { readonly mark: number; readonly item: WorkItem }[] = [];
  #room = Promise.withResolvers<void>();
  readonly #running: Promise<void>;

  constructor(recipient: Recipient, topic: string, deps: WorkerDeps) {
    this.#deps = deps;
    this.#recipient = recipient;
    this.#topic = topic;
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
      const mark = await this.#offer(item, signal);
      if (mark === undefined) item.release();
      else this.#written.push({ mark, item });
    }
  }

  async #offer(item: WorkItem, signal: AbortSignal): Promise<number | undefined> {
    while (!signal.aborted) {
      const mark = this.#recipient.inbox.offer(item.body, 1);
      if (mark !== undefined) return mark;
      this.#room = Promise.withResolvers<void>();
      await this.#room.promise;
    }
    return undefined;
  }

  #heard(mark: number | undefined): void {
    if (mark === undefined) return this.#room.resolve();
    while (this.#written[0] !== undefined && this.#written[0].mark <= mark) this.#written.shift()?.item.ack();
  }
}
