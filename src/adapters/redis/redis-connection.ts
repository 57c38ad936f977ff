import { Cluster } from 'ioredis';
import { FabricError } from '../../model/error.ts';
import { asStoreError, isUnknownScript } from './errors.ts';
import { closeClient, type RedisClient } from './redis-clients.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';
import type { Script } from './script.ts';
import { within } from './within.ts';

/** Commands that wait for a lost connection to come back; one more is refused at once. */
const commandsWaitingMax = 10_000;

interface Parts {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly commandTimeoutMs: number;
  /** Aborted as the closing begins, for those who tell of outages. */
  readonly closing: AbortController;
}

/**
 * The way to one Redis or Redis cluster, for all stores of a process. While the connection is lost, commands wait for
 * it, but no longer than their timeout, and are not sent after it. All that fails, fails as a FabricError.
 */
export class RedisConnection implements AsyncDisposable {
  readonly subscriber: RedisSubscriber;
  readonly commandTimeoutMs: number;
  readonly #client: RedisClient;
  readonly #closing: AbortController;
  readonly #waiting = new Set<() => void>();

  constructor({ client, subscriber, commandTimeoutMs, closing }: Parts) {
    this.subscriber = subscriber;
    this.commandTimeoutMs = commandTimeoutMs;
    this.#client = client;
    this.#closing = closing;
    client.on('ready', () => {
      for (const resume of this.#waiting) resume();
    });
  }

  get isCluster(): boolean {
    return this.#client instanceof Cluster;
  }

  /** Commands sent in one turn of the event loop share a round trip. */
  async command<Reply>(send: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    const askedAtMs = performance.now();
    try {
      if (this.#client.status !== 'ready') await this.#untilReady();
      return await within(this.commandTimeoutMs - (performance.now() - askedAtMs), send(this.#client));
    } catch (thrown) {
      throw asStoreError(thrown);
    }
  }

  /** What a script answers. On a cluster all keys are of one bucket. */
  script(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.command(async (client) => {
      try {
        return await client.evalsha(script.digest, keys.length, ...keys, ...args);
      } catch (thrown) {
        if (!isUnknownScript(thrown)) throw thrown;
        return client.eval(script.text, keys.length, ...keys, ...args);
      }
    });
  }

  /** The same with bytes: in arguments and in the answer. */
  scriptOfBytes(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.command(async (client) => {
      try {
        return await client.callBuffer('evalsha', script.digest, keys.length, ...keys, ...args);
      } catch (thrown) {
        if (!isUnknownScript(thrown)) throw thrown;
        return client.callBuffer('eval', script.text, keys.length, ...keys, ...args);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.subscriber[Symbol.asyncDispose](), closeClient(this.#client)]);
  }

  async #untilReady(): Promise<void> {
    if (this.#closing.signal.aborted) throw new FabricError('STORE_UNAVAILABLE', 'Redis connection is closed');
    if (this.#waiting.size >= commandsWaitingMax)
      throw new FabricError('STORE_UNAVAILABLE', 'too many commands wait for Redis');
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await within(this.commandTimeoutMs, promise);
    } finally {
      this.#waiting.delete(resolve);
    }
  }
}
