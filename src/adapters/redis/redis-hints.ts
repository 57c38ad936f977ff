import { z } from 'zod';
import type { Hint, Hints } from '../../ports/hints.ts';
import type { Log } from '../../ports/log.ts';
import type { RedisKeys } from './keys.ts';
import type { RedisConnection } from './redis-connection.ts';

/** Epochs are text in JSON: they are beyond what its readers take for whole numbers. */
const epoch = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt);

const step = z.object({
  owner: z.string(),
  id: z.string(),
  state: z.enum(['denied', 'accepted', 'durable', 'delivered', 'acked', 'expired', 'dead_lettered']),
  rank: z.number(),
  atMs: z.number(),
  reason: z.string(),
});

const wireHint = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('kick'), identity: z.string(), epoch, reason: z.string() }),
  z.object({ kind: z.literal('probe'), identity: z.string(), epoch, probe: z.string() }),
  z.object({ kind: z.literal('settle'), identity: z.string(), epoch, keeper: z.string(), probe: z.string() }),
  z.object({ kind: z.literal('heard'), probe: z.string() }),
  z.object({ kind: z.literal('presence'), probe: z.string(), alive: z.boolean() }),
  z.object({ kind: z.literal('receipts'), steps: z.array(step) }),
  z.object({ kind: z.literal('quotas') }),
]);

const encodeHint = (hint: Hint): string =>
  JSON.stringify(hint, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

export interface RedisHintsDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
  readonly log: Log;
}

/** Hints over a channel of Redis. */
export class RedisHints implements Hints {
  readonly #redis: RedisConnection;
  readonly #channel: string;
  readonly #log: Log;

  constructor({ redis, keys, log }: RedisHintsDeps) {
    this.#redis = redis;
    this.#channel = keys.hints;
    this.#log = log;
  }

  publish(hint: Hint): void {
    this.#redis
      .command((client) => client.publish(this.#channel, encodeHint(hint)))
      .catch((cause: unknown) => this.#log.debug('hint lost', { kind: hint.kind, cause }));
  }

  /** Rejects, and does not listen, where Redis does not confirm in time. */
  async subscribe(listener: (hint: Hint) => void, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (signal.aborted) return;
    const listening = this.#redis.subscriber.listen(this.#channel, (message) => {
      const hint = this.#decode(message);
      if (hint !== undefined) listener(hint);
    });
    const stop = (): void => listening[Symbol.dispose]();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await listening.confirmed();
    } catch (thrown) {
      signal.removeEventListener('abort', stop);
      stop();
      throw thrown;
    }
  }

  /** A gateway of another version, or anyone else, may speak on the channel too. */
  #decode(message: string): Hint | undefined {
    const hint = wireHint.safeParse(jsonOf(message));
    if (!hint.success) this.#log.debug('hint not understood', { bytes: Buffer.byteLength(message) });
    return hint.data;
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
