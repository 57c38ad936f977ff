/**
 * Knows when a queue can be consumed from, without creating anything for it: one look whether it is there, then the bell
 * that pushers ring when they have declared one. Who waits is told before the look, so nothing is missed in between; when
 * the connection is lost everybody looks again, so a ring that was missed meanwhile does not matter.
 *
 * Looking has connections of its own, for what may happen there: a look at a queue that is not there closes its channel
 * (and leaves a line in the broker's log), and consuming from one that is still being created, or has lost its quorum,
 * closes the connection with everything on it (3.10.8: 541 INTERNAL_ERROR). So one that seems to have been there for no
 * time, as nothing is in it and nobody consumes, is given a moment; and one that has failed is tried here before it is
 * consumed from where others are.
 */
import type { Channel } from 'amqplib';
import type { Clock } from '../../../ports/clock.ts';
import { asUnavailable } from '../errors.ts';
import { type AmqpLink, closeChannel, replyCodeOf, within } from './amqp-link.ts';
import { bellOf } from './work-objects.ts';

export interface WatchSettings {
  readonly prefix: string;
  readonly requestTimeoutMs: number;
}

export interface WatchDeps {
  /** Where the bell is heard. */
  readonly bell: AmqpLink;
  /** Where is looked, on each one thing after the other. */
  readonly looking: readonly AmqpLink[];
  readonly clock: Clock;
}

const notFound = 404;

/** Creating a queue takes some 10 ms on one node. */
const settleMs = 200;

type Told = 'rung' | 'nothing known' | 'settled';
type Seen = 'absent' | 'idle' | 'in use';

/** Looks that go one after the other over one connection, and how many. */
interface Lane {
  readonly link: AmqpLink;
  last: Promise<unknown>;
  length: number;
  channel: Promise<Channel> | undefined;
}

export class QueueWatch {
  readonly #settings: WatchSettings;
  readonly #deps: WatchDeps;
  readonly #waiting = new Map<string, Set<(told: Told) => void>>();
  /** Looks that have not begun, which others may share. */
  readonly #looks = new Map<string, Promise<Seen>>();
  readonly #lanes: readonly Lane[];
  #listening: Promise<void> | undefined;

  constructor(settings: WatchSettings, deps: WatchDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#lanes = deps.looking.map((link) => ({ link, last: Promise.resolve(), length: 0, channel: undefined }));
  }

  /** Resolves once the queue is there to be consumed from, or the signal aborts. */
  async appeared(queue: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<Told>();
      const abort = (): void => resolve('nothing known');
      this.#add(queue, resolve);
      signal.addEventListener('abort', abort, { once: true });
      try {
        await this.#listen();
        const seen = await this.#look(queue);
        if (seen === 'in use') return;
        if (seen === 'idle') this.#deps.clock.schedule(settleMs, () => resolve('settled'));
        if ((await promise) !== 'nothing known') return;
      } finally {
        signal.removeEventListener('abort', abort);
        this.#remove(queue, resolve);
      }
    }
  }

  /** Consumes for a moment, where it harms nobody if that fails; whatever comes meanwhile goes back. */
  async try(queue: string): Promise<void> {
    const { clock } = this.#deps;
    const deadline = { ms: this.#settings.requestTimeoutMs, clock, what: `trying queue ${queue}` };
    await this.#inLane(async ({ link }) => {
      const channel = await link.channel();
      try {
        await channel.prefetch(1);
        await within(
          deadline,
          channel.consume(queue, () => undefined),
        );
      } finally {
        await closeChannel(channel, clock);
      }
    });
  }

  #add(queue: string, tell: (told: Told) => void): void {
    const waiting = this.#waiting.get(queue);
    if (waiting === undefined) this.#waiting.set(queue, new Set([tell]));
    else waiting.add(tell);
  }

  #remove(queue: string, tell: (told: Told) => void): void {
    const waiting = this.#waiting.get(queue);
    waiting?.delete(tell);
    if (waiting?.size === 0) this.#waiting.delete(queue);
  }

  /** Resolves once every ring from now on is heard. */
  #listen(): Promise<void> {
    if (this.#listening !== undefined) return this.#listening;
    const listening = this.#openBell(() => {
      if (this.#listening === listening) this.#listening = undefined;
      for (const waiting of this.#waiting.values()) for (const tell of waiting) tell('nothing known');
    });
    this.#listening = listening;
    listening.catch(() => {
      if (this.#listening === listening) this.#listening = undefined;
    });
    return listening;
  }

  async #openBell(onLost: () => void): Promise<void> {
    const bell = bellOf(this.#settings.prefix);
    const channel = await this.#deps.bell.channel();
    channel.on('close', onLost);
    await channel.assertExchange(bell, 'fanout', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false });
    await channel.bindQueue(queue, bell, '');
    const ring = (message: { readonly content: Buffer } | null): void => {
      for (const tell of this.#waiting.get(message?.content.toString('utf8') ?? '') ?? []) tell('rung');
    };
    await channel.consume(queue, ring, { noAck: true, exclusive: true });
  }

  #look(queue: string): Promise<Seen> {
    const shared = this.#looks.get(queue);
    if (shared !== undefined) return shared;
    const look = this.#inLane((lane) => {
      this.#looks.delete(queue);
      return this.#examine(queue, lane);
    });
    this.#looks.set(queue, look);
    return look;
  }

  /** On the lane with the least to do, so that one is enough where little is. */
  #inLane<Result>(task: (lane: Lane) => Promise<Result>): Promise<Result> {
    const lane = this.#lanes.reduce((least, other) => (other.length < least.length ? other : least));
    const done = lane.last.then(() => task(lane));
    lane.length += 1;
    lane.last = done.then(
      () => (lane.length -= 1),
      () => (lane.length -= 1),
    );
    return done;
  }

  async #examine(queue: string, lane: Lane): Promise<Seen> {
    const { clock } = this.#deps;
    const deadline = { ms: this.#settings.requestTimeoutMs, clock, what: `looking for queue ${queue}` };
    try {
      const channel = await (lane.channel ??= lane.link.channel());
      const { messageCount, consumerCount } = await within(deadline, channel.checkQueue(queue));
      return messageCount === 0 && consumerCount === 0 ? 'idle' : 'in use';
    } catch (thrown) {
      // Whatever failed, the channel is not to be trusted any more.
      lane.channel = undefined;
      if (replyCodeOf(thrown) === notFound) return 'absent';
      throw asUnavailable(`looking for queue ${queue}`, thrown);
    }
  }
}
