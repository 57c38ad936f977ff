/**
 * Competing work in RabbitMQ quorum queues, one a topic. Only pushing creates a queue: a consumer of a topic nobody has
 * pushed to waits for a sign and costs the broker nothing, so ten thousand workers may connect and leave no trace.
 *
 * Pushing and consuming have connections of their own, as a broker under an alarm stops reading from those that publish,
 * acknowledgements included. A consumer is a channel; a connection takes some, and there are as many as are needed.
 */
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { WorkItem, WorkQueue } from '../../ports/work-queue.ts';
import { asUnavailable } from './errors.ts';
import { OutstandingBytes } from './outstanding-bytes.ts';
import { AmqpLink, type LinkSettings, replyCodeOf, within } from './work/amqp-link.ts';
import { LinkGroup } from './work/link-group.ts';
import { QueueWatch } from './work/queue-watch.ts';
import { WorkConsumer } from './work/work-consumer.ts';
import { queueOfTopic } from './work/work-objects.ts';
import { WorkPusher } from './work/work-pusher.ts';

export interface RabbitWorkQueueSettings extends LinkSettings {
  /** Queues are named `<prefix>.<topic>`. */
  readonly prefix: string;
  /** How long a push is tried. */
  readonly publishTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Bodies of all pushes that wait to be confirmed; more are refused. */
  readonly outstandingBytesMax: number;
}

/** What suits most; see each setting. */
export const defaultRabbitWorkQueueSettings = {
  tls: {},
  prefix: 'aether.work',
  publishTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 5000,
  heartbeatMs: 10_000,
  outstandingBytesMax: 64 * 1024 * 1024,
} as const satisfies Partial<RabbitWorkQueueSettings>;

export interface RabbitWorkQueueDeps {
  readonly clock: Clock;
  readonly log: Log;
}

const notFound = 404;
const suspectsMax = 10_000;

/**
 * Connections queues are looked for on at once, as many as there is need of. A look takes 1.1 ms when the queue is not
 * there; 10,000 of them took 11 s on one lane, 6 s on four, 5 s on 16.
 */
const lookLinks = 4;

/** Connects when it is first used. */
export class RabbitWorkQueue implements WorkQueue, AsyncDisposable {
  readonly #settings: RabbitWorkQueueSettings;
  readonly #clock: Clock;
  readonly #pushLink: AmqpLink;
  readonly #pusher: WorkPusher;
  readonly #consumeLinks: LinkGroup;
  readonly #lookLinks: readonly AmqpLink[];
  readonly #watch: QueueWatch;
  /** Queues from which consuming failed in a way that closes connections. */
  readonly #suspects = new Set<string>();
  readonly #closing = new AbortController();

  constructor(settings: RabbitWorkQueueSettings, deps: RabbitWorkQueueDeps) {
    this.#settings = settings;
    this.#clock = deps.clock;
    const outstanding = new OutstandingBytes(settings.outstandingBytesMax);
    this.#pushLink = new AmqpLink({ ...settings, clientName: `${settings.clientName} push` }, deps);
    this.#pusher = new WorkPusher(settings, { ...deps, link: this.#pushLink, outstanding });
    this.#consumeLinks = new LinkGroup(settings, deps);
    this.#lookLinks = Array.from(
      { length: lookLinks },
      (_, number) => new AmqpLink({ ...settings, clientName: `${settings.clientName} look ${number}` }, deps),
    );
    this.#watch = new QueueWatch(settings, { ...deps, bell: this.#consumeLinks.first, looking: this.#lookLinks });
  }

  push(topic: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.#pusher.push(queueOfTopic(this.#settings.prefix, topic), Buffer.concat(parts));
  }

  async *consume(
    topic: string,
    { credit, signal }: { readonly credit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<WorkItem> {
    const queue = queueOfTopic(this.#settings.prefix, topic);
    const both = AbortSignal.any([signal, this.#closing.signal]);
    while (!both.aborted) {
      await using consumer = await this.#attach(queue, { credit, signal: both });
      if (consumer !== undefined) yield* consumer.items();
    }
  }

  /** Waits for pushes under way, ends every consumer, and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pusher.close();
    this.#closing.abort();
    await Promise.all([this.#pushLink, this.#consumeLinks, ...this.#lookLinks].map((link) => link.close()));
  }

  /** A consumer once the queue is there; `undefined` when it is to be tried again or the signal has aborted. */
  async #attach(
    queue: string,
    { credit, signal }: { readonly credit: number; readonly signal: AbortSignal },
  ): Promise<WorkConsumer | undefined> {
    try {
      await this.#watch.appeared(queue, signal);
      if (signal.aborted) return undefined;
      if (this.#suspects.has(queue)) await this.#watch.try(queue);
      this.#suspects.delete(queue);
      return await this.#start(queue, { credit, signal });
    } catch (thrown) {
      if (signal.aborted || replyCodeOf(thrown) === notFound) return undefined;
      throw asUnavailable(`consuming ${queue}`, thrown);
    }
  }

  async #start(
    queue: string,
    { credit, signal }: { readonly credit: number; readonly signal: AbortSignal },
  ): Promise<WorkConsumer> {
    const consumer = new WorkConsumer(queue, await this.#consumeLinks.channel(), { clock: this.#clock, signal });
    try {
      const deadline = { ms: this.#settings.requestTimeoutMs, clock: this.#clock, what: `consuming ${queue}` };
      await within(deadline, consumer.start(credit));
      return consumer;
    } catch (thrown) {
      if (replyCodeOf(thrown) === undefined) this.#suspect(queue);
      await consumer[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** It may be what broke the connection, or have been there by chance: it is tried apart before it is used again. */
  #suspect(queue: string): void {
    if (this.#suspects.size < suspectsMax) this.#suspects.add(queue);
  }
}
