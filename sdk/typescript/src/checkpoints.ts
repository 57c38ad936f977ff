/** States a principal saves for itself, by name: only its own identity can read them. */
import { ask, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import {
  type CheckpointOperation,
  type CheckpointResponse,
  CheckpointOperation_OpType as Op,
} from './gen/aether/v1/checkpoint.ts';
import type { Link } from './link.ts';
import { bytesOf, type Payload } from './message.ts';

export interface CheckpointOptions extends RequestOptions {
  /** `default` by default. */
  readonly name?: string | undefined;
}

export interface SaveCheckpointOptions extends CheckpointOptions {
  /** Seconds until it vanishes, whole ones; never by default. `'default'` for what the gateway is set up with. */
  readonly ttlSeconds?: number | 'default' | undefined;
}

export interface Checkpoint {
  readonly data: Uint8Array;
  /** To the second. */
  readonly savedAt: Date;
  /** The data as UTF-8 text. */
  text(): string;
}

export class Checkpoints {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Saves a state, whatever was there; resolves with when, once it is durable. */
  async save(data: Payload, options: SaveCheckpointOptions = {}): Promise<Date> {
    const operation = { op: Op.SAVE, key: options.name ?? '', data: bytesOf(data), ttl: ttlOf(options) };
    return toDate((await this.#ask(operation, options)).savedAt);
  }

  /** `undefined` where there is none. */
  async load(options: CheckpointOptions = {}): Promise<Checkpoint | undefined> {
    const { data, savedAt } = await this.#ask({ op: Op.LOAD, key: options.name ?? '' }, options);
    if (savedAt === 0n) return undefined;
    return { data, savedAt: toDate(savedAt), text: () => new TextDecoder().decode(data) };
  }

  /** Deletes one, if it is there. */
  async delete(options: CheckpointOptions = {}): Promise<void> {
    await this.#ask({ op: Op.DELETE, key: options.name ?? '' }, options);
  }

  /** The names of all of them. */
  async list(options: RequestOptions = {}): Promise<readonly string[]> {
    return (await this.#ask({ op: Op.LIST }, options)).keys;
  }

  #ask(operation: Partial<CheckpointOperation>, options: RequestOptions): Promise<CheckpointResponse> {
    return ask(
      this.#link,
      {
        what: 'checkpoint operation',
        build: (requestId) => ({ $case: 'checkpointOp', value: { ...nothing, ...operation, requestId } }),
        pick: (payload) => (payload.$case === 'checkpoint' ? payload.value : undefined),
      },
      options,
    );
  }
}

const nothing: CheckpointOperation = { op: Op.LIST, key: '', data: new Uint8Array(), ttl: 0n, requestId: '' };

const toDate = (seconds: bigint): Date => new Date(Number(seconds) * 1000);

const ttlOf = ({ ttlSeconds = 0 }: SaveCheckpointOptions): bigint => {
  if (ttlSeconds === 'default') return -1n;
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 0)
    throw failure('INVALID_ARGUMENT', `ttlSeconds is a whole number of seconds, not ${ttlSeconds}`);
  return BigInt(ttlSeconds);
};
