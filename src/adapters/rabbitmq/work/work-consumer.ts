/**
 * One consumer on a channel of its own: its prefetch is the credit, and closing it gives back to the broker whatever is
 * neither acknowledged nor released, in one step and in order.
 *
 *     consuming ──▶ ended, by its owner or for a reason that is thrown
 */
import type { Channel, ConsumeMessage } from 'amqplib';
import type { FabricError } from '../../../model/error.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { WorkItem } from '../../../ports/work-queue.ts';
import { unavailable } from '../errors.ts';
import { Fifo } from '../fifo.ts';
import { closeChannel } from './amqp-link.ts';

type State = { readonly is: 'consuming' } | { readonly is: 'ended'; readonly reason: FabricError | undefined };

export class WorkConsumer implements AsyncDisposable {
  readonly #queue: string;
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();
  readonly #items = new Fifo<WorkItem>();
  #state: State = { is: 'consuming' };
  #wake = Promise.withResolvers<void>();
  #closed: Promise<void> | undefined;

  constructor(
    queue: string,
    channel: Channel,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#queue = queue;
    this.#channel = channel;
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    channel.on('close', () => this.#end(unavailable(`consuming ${queue}: the channel was closed`)));
  }

  async start(credit: number): Promise<void> {
    await this.#channel.prefetch(credit);
    await this.#channel.consume(this.#queue, (message) => this.#take(message));
  }

  async *items(): AsyncGenerator<WorkItem> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#state.is === 'ended') {
        if (this.#state.reason !== undefined) throw this.#state.reason;
        return;
      } else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }

  /** What is still open goes back to the queue; so does everything when the signal aborts. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end(undefined);
    return (this.#closed ??= closeChannel(this.#channel, this.#clock));
  }

  #end(reason: FabricError | undefined): void {
    this.#items.replace([]);
    if (this.#state.is === 'ended') return;
    this.#state = { is: 'ended', reason };
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#wake.resolve();
  }

  /** `null` tells that the queue was deleted. */
  #take(message: ConsumeMessage | null): void {
    if (this.#state.is === 'ended') return;
    if (message === null) return this.#end(unavailable(`queue ${this.#queue} was deleted`));
    this.#items.push(this.#itemOf(message));
    this.#wake.resolve();
  }

  #itemOf(message: ConsumeMessage): WorkItem {
    let isOpen = true;
    const once = (settle: () => void): void => {
      if (!isOpen || this.#state.is === 'ended') return;
      isOpen = false;
      settle();
    };
    return {
      id: String(message.properties.messageId),
      body: message.content,
      attempt: attemptOf(message),
      ack: () => once(() => this.#channel.ack(message)),
      // A reject, as from 4.3 on a nack does not count.
      release: () => once(() => this.#channel.reject(message, true)),
    };
  }
}

/**
 * Brokers say how often a message came before, up to 4.2 in `x-delivery-count` alone, from 4.3 on also in
 * `x-acquired-count`, which counts every time and not only what failed.
 */
export const attemptOf = ({ fields, properties }: Pick<ConsumeMessage, 'fields' | 'properties'>): number => {
  const headers: Readonly<Record<string, unknown>> = properties.headers ?? {};
  const counts = [headers['x-delivery-count'], headers['x-acquired-count']];
  const before = Math.max(0, ...counts.filter((count) => typeof count === 'number'));
  return Math.max(before, fields.redelivered ? 1 : 0) + 1;
};
