/**
 * Subscriptions to Redis' channels, on a connection of their own. What is published reaches every node of a cluster, so
 * one connection to any node hears all.
 *
 * A subscription lives until it is disposed: when the connection is lost, and with it whatever was published meanwhile,
 * it is made again on the next one, on a cluster perhaps with another node. A ping every few seconds finds out about a
 * connection that is dead without having been closed, which a mere listener would never notice.
 */
import type { Redis } from 'ioredis';
import type { Log } from '../../ports/log.ts';
import { asStoreError } from './errors.ts';
import { closeClient } from './redis-clients.ts';
import { within } from './within.ts';

const pingEveryMs = 5000;

type Listener = (message: string) => void;

interface Channel {
  readonly name: string;
  readonly listeners: Set<Listener>;
  /** Of those who want to know when the connection is lost. */
  readonly onLost: Set<() => void>;
  /** Resolves when Redis has confirmed the subscription on the present connection. */
  confirmation: PromiseWithResolvers<void>;
  isConfirmed: boolean;
}

export interface Listening extends Disposable {
  /** Resolves once all that is published from then on is heard; `STORE_UNAVAILABLE` if that takes too long. */
  confirmed(): Promise<void>;
}

export class RedisSubscriber implements AsyncDisposable {
  readonly #client: Redis;
  readonly #timeoutMs: number;
  readonly #log: Log;
  readonly #channels = new Map<string, Channel>();
  readonly #pings: NodeJS.Timeout;

  constructor(client: Redis, { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Log }) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#log = log;
    client.on('ready', () => this.#subscribe([...this.#channels.values()]));
    client.on('close', () => this.#forgetConfirmations());
    client.on('message', (name: string, message: string) => this.#hear(name, message));
    this.#pings = setInterval(() => this.#ping(), pingEveryMs).unref();
  }

  /** `onLost`: the connection is lost, and with it what is published until the next. */
  listen(name: string, listener: Listener, onLost?: () => void): Listening {
    const channel = this.#channels.get(name) ?? this.#open(name);
    channel.listeners.add(listener);
    if (onLost !== undefined) channel.onLost.add(onLost);
    return {
      confirmed: () => within(this.#timeoutMs, channel.confirmation.promise),
      [Symbol.dispose]: () => {
        channel.listeners.delete(listener);
        if (onLost !== undefined) channel.onLost.delete(onLost);
        if (channel.listeners.size === 0 && this.#channels.get(name) === channel) this.#close(name);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pings);
    await closeClient(this.#client);
  }

  #open(name: string): Channel {
    const confirmation = Promise.withResolvers<void>();
    const channel: Channel = { name, listeners: new Set(), onLost: new Set(), confirmation, isConfirmed: false };
    this.#channels.set(name, channel);
    this.#subscribe([channel]);
    return channel;
  }

  #close(name: string): void {
    this.#channels.delete(name);
    if (this.#client.status === 'ready') this.#client.unsubscribe(name).catch(this.#tellFailure);
  }

  /** Without a connection there is nothing to do: the next one subscribes to all. */
  #subscribe(channels: readonly Channel[]): void {
    if (channels.length === 0 || this.#client.status !== 'ready') return;
    this.#request(channels).catch(this.#tellFailure);
  }

  async #request(channels: readonly Channel[]): Promise<void> {
    await this.#client.subscribe(...channels.map(({ name }) => name));
    for (const channel of channels) {
      channel.isConfirmed = true;
      channel.confirmation.resolve();
    }
  }

  #forgetConfirmations(): void {
    for (const channel of this.#channels.values()) {
      if (!channel.isConfirmed) continue;
      channel.isConfirmed = false;
      channel.confirmation = Promise.withResolvers();
      for (const tell of channel.onLost) tell();
    }
  }

  #hear(name: string, message: string): void {
    for (const listener of this.#channels.get(name)?.listeners ?? [])
      try {
        listener(message);
      } catch (cause) {
        // It would end the process: this runs in the socket's event.
        this.#log.error('redis listener failed', { channel: name, cause });
      }
  }

  /** Unanswered, it makes the driver give up the connection (`socketTimeout`), which is all it is for. */
  #ping(): void {
    if (this.#client.status === 'ready') this.#client.ping().catch(this.#tellFailure);
  }

  /** A subscription that failed with its connection comes back with the next; one that Redis refused does not. */
  readonly #tellFailure = (thrown: unknown): void => {
    const error = asStoreError(thrown);
    if (error.retryable) this.#log.debug('redis subscriber interrupted', { cause: error });
    else this.#log.error('redis subscriber refused', { cause: error });
  };
}
