/**
 * Pushes over one confirm channel, many at a time. A process declares the queue of a topic before its first push and then
 * rings the bell, each time waiting for the broker's answer: so whoever waits for the queue hears of it before there is
 * anything in it, and no order of crashes can leave work where nobody looks. A queue that has vanished since returns what
 * is published (`mandatory`), and is declared again.
 */
import type { Channel, ConfirmChannel } from 'amqplib';
import type { FabricError } from '../../../model/error.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Log } from '../../../ports/log.ts';
import { attemptRepeatedly } from '../backoff.ts';
import { asUnavailable, unavailable } from '../errors.ts';
import type { OutstandingBytes } from '../outstanding-bytes.ts';
import { type AmqpLink, replyCodeOf, within } from './amqp-link.ts';
import { bellOf, queueArguments } from './work-objects.ts';

export interface PusherSettings {
  /** No other process of the fabric has it at the same time. */
  readonly clientName: string;
  readonly prefix: string;
  /** How long a push is tried. */
  readonly publishTimeoutMs: number;
}

export interface PusherDeps {
  readonly link: AmqpLink;
  readonly outstanding: OutstandingBytes;
  readonly clock: Clock;
  readonly log: Log;
}

interface Channels {
  readonly publishing: ConfirmChannel;
  /** Of its own, as a refused declaration closes it. */
  declaring: Channel;
  /** Ids of what came back. */
  readonly returned: Set<string>;
}

/** Queues this process remembers to have declared; forgetting one costs a declaration. */
const declaredMax = 10_000;
const preconditionFailed = 406;
/**
 * A broker tells the consumers of a queue that was deleted some 30 ms later, but not if it has been declared again by
 * then (tried on 3.10.8): they would wait at the old one for ever.
 */
const vanishedPauseMs = 250;

export class WorkPusher {
  readonly #settings: PusherSettings;
  readonly #deps: PusherDeps;
  readonly #closing = new AbortController();
  readonly #declared = new Map<string, Promise<void>>();
  readonly #pushes = new Set<Promise<void>>();
  #channels: Promise<Channels> | undefined;
  /** What its messages' ids begin with: nobody else's do, neither now nor after a restart. */
  readonly #name: string;
  #lastId = 0;

  constructor(settings: PusherSettings, deps: PusherDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#name = `${settings.clientName}.${deps.clock.now()}`;
  }

  /** Resolves when the broker has it durably. */
  push(queue: string, body: Buffer): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(unavailable('the work queue is closed'));
    if (!this.#deps.outstanding.take(body.byteLength))
      return Promise.reject(unavailable(`pushing to ${queue}: too much is waiting for RabbitMQ already`));
    const push = this.#repeatedly(queue, body).finally(() => {
      this.#deps.outstanding.give(body.byteLength);
      this.#pushes.delete(push);
    });
    this.#pushes.add(push);
    return push;
  }

  /** Waits for what is under way, which takes at most the publish timeout, and takes no more. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#pushes);
    this.#closing.abort();
  }

  #repeatedly(queue: string, body: Buffer): Promise<void> {
    const { clock } = this.#deps;
    const { publishTimeoutMs: timeoutMs } = this.#settings;
    const failure = (thrown: unknown): FabricError => asUnavailable(`pushing to ${queue}`, thrown);
    const attempts = attemptRepeatedly({ clock, signal: this.#closing.signal, timeoutMs, failure }, () =>
      this.#push(queue, body),
    );
    return within({ ms: timeoutMs, clock, what: `pushing to ${queue}` }, attempts);
  }

  async #push(queue: string, body: Buffer): Promise<void> {
    await this.#declare(queue);
    if (await this.#publish('', queue, body)) return;
    this.#declared.delete(queue);
    await this.#deps.clock.sleep(vanishedPauseMs, { signal: this.#closing.signal });
    await this.#declare(queue);
    if (!(await this.#publish('', queue, body))) throw unavailable(`queue ${queue} vanishes`);
  }

  #declare(queue: string): Promise<void> {
    const known = this.#declared.get(queue);
    if (known !== undefined) return known;
    const declaring = this.#declareAndRing(queue);
    this.#declared.set(queue, declaring);
    const [oldest] = this.#declared.keys();
    if (oldest !== undefined && this.#declared.size > declaredMax) this.#declared.delete(oldest);
    declaring.catch(() => {
      if (this.#declared.get(queue) === declaring) this.#declared.delete(queue);
    });
    return declaring;
  }

  async #declareAndRing(queue: string): Promise<void> {
    const channels = await this.#open();
    try {
      await channels.declaring.assertQueue(queue, { durable: true, arguments: queueArguments });
    } catch (thrown) {
      channels.declaring = await this.#deps.link.channel();
      if (replyCodeOf(thrown) !== preconditionFailed) throw thrown;
      // It is there, declared by another version of ours or by an operator: as good.
      this.#deps.log.warn('rabbitmq queue has other settings than ours, used as it is', { queue, cause: thrown });
    }
    await this.#publish(bellOf(this.#settings.prefix), '', Buffer.from(queue, 'utf8'));
  }

  /** Resolves once confirmed; with false if it reached no queue. */
  async #publish(exchange: string, key: string, body: Buffer): Promise<boolean> {
    const { publishing, returned } = await this.#open();
    const messageId = `${this.#name}.${(this.#lastId += 1)}`;
    const isWork = exchange === '';
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const options = { persistent: isWork, mandatory: isWork, messageId };
    publishing.publish(exchange, key, body, options, (refusal: unknown) => {
      const isReturned = returned.delete(messageId);
      if (refusal === null || refusal === undefined) resolve(!isReturned);
      else reject(asUnavailable(`publishing to ${key || exchange}`, refusal));
    });
    return promise;
  }

  #open(): Promise<Channels> {
    if (this.#channels !== undefined) return this.#channels;
    const opening = this.#openChannels();
    const forget = (): void => {
      if (this.#channels === opening) this.#channels = undefined;
    };
    this.#channels = opening;
    opening.then(({ publishing }) => publishing.on('close', forget), forget);
    return opening;
  }

  async #openChannels(): Promise<Channels> {
    const { link } = this.#deps;
    const publishing = await link.confirmChannel();
    const declaring = await link.channel();
    await declaring.assertExchange(bellOf(this.#settings.prefix), 'fanout', { durable: true });
    const returned = new Set<string>();
    publishing.on('return', ({ properties }) => {
      if (typeof properties.messageId === 'string') returned.add(properties.messageId);
    });
    return { publishing, declaring, returned };
  }
}
