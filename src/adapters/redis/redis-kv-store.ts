import type { KvCommand, KvReply, KvSpace } from '../../model/kv-command.ts';
import type { KvListed, KvPage, KvPageRequest, KvStore } from '../../ports/kv-store.ts';
import { PacedBatch } from '../paced-batch.ts';
import { asStoreError } from './errors.ts';
import { fenceRetentionMs, openFence } from './fence.ts';
import { bucketOf, type RedisKeys } from './keys.ts';
import { commandArguments, commandBytes, commandKeys, decodeReply } from './kv-encoding.ts';
import { kvScript, listKvScript, purgeKvScript } from './kv-scripts.ts';
import type { RedisConnection } from './redis-connection.ts';
import { bytesOf, integerOf, listOf } from './reply.ts';

/** Redis does nothing else while a script runs: here for about half a millisecond. */
const commandsPerScriptMax = 256;
const bytesPerScriptMax = 1024 * 1024;
const keysPerPurgeMax = 500;

export interface RedisKvStoreDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
}

interface Asked {
  readonly command: KvCommand;
  readonly answer: PromiseWithResolvers<KvReply>;
}

/**
 * Key-value state in Redis, each space in the bucket of its owner. The commands of a turn, and those that come while
 * earlier ones are under way, travel as one script, on a cluster as one for each bucket, and so that no bucket waits for
 * another. Where Redis does not answer, a command has failed within twice the time a command is given.
 */
export class RedisKvStore implements KvStore {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;
  /** By bucket on a cluster; otherwise there is one. */
  readonly #batches = new Map<number, PacedBatch<Asked>>();

  constructor({ redis, keys }: RedisKvStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return openFence(this.#redis, this.#keys.fence(owner), epoch);
  }

  run(command: KvCommand): Promise<KvReply> {
    const answer = Promise.withResolvers<KvReply>();
    this.#batchFor(command).add({ command, answer });
    return answer.promise;
  }

  #batchFor({ place }: KvCommand): PacedBatch<Asked> {
    const bucket = this.#redis.isCluster ? bucketOf(place.space.owner) : 0;
    let batch = this.#batches.get(bucket);
    if (batch === undefined) {
      batch = new PacedBatch({ underWayMax: 1, carryOut: (asked) => this.#send(asked) });
      this.#batches.set(bucket, batch);
    }
    return batch;
  }

  async list(space: KvSpace, request: KvPageRequest): Promise<KvPage> {
    const entries: KvListed[] = [];
    let { after } = request;
    for (;;) {
      const listed = await this.#list(space, { ...request, after, limit: request.limit - entries.length });
      entries.push(...listed.entries);
      if (listed.seenTo === undefined) return { entries };
      if (listed.isCut || entries.length > 0) return { entries, next: entries.at(-1)?.key ?? listed.seenTo };
      after = listed.seenTo;
    }
  }

  async purge(owner: string, epoch: bigint | undefined): Promise<number | undefined> {
    const keys = [this.#keys.spaces(owner), this.#keys.fence(owner)];
    const values = this.#keys.values({ owner, name: '' }).slice(0, -1);
    const fencing = [epoch === undefined ? '' : String(epoch), String(fenceRetentionMs)];
    const args = [this.#keys.valueNames(owner, ''), values, String(keysPerPurgeMax), ...fencing];
    for (let count = 0; ; ) {
      const reply = await this.#redis.script(purgeKvScript, keys, args);
      if (reply === null) return undefined;
      const [deleted, mayBeMore] = listOf(reply);
      count += integerOf(deleted);
      if (mayBeMore !== 1) return count;
    }
  }

  async #list(
    space: KvSpace,
    { prefix, after, limit, bytesMax }: KvPageRequest,
  ): Promise<{ entries: readonly KvListed[]; seenTo: string | undefined; isCut: boolean }> {
    const least = after === '' ? (prefix === '' ? '-' : `[${prefix}`) : `(${after}`;
    const args = [this.#keys.values(space), least, prefix, String(limit), String(bytesMax)];
    const names = [this.#keys.valueNames(space.owner, space.name)];
    const [seenTo, isCut, ...pairs] = listOf(await this.#redis.scriptOfBytes(listKvScript, names, args));
    const entries: KvListed[] = [];
    for (let index = 0; index + 1 < pairs.length; index += 2)
      entries.push({
        key: bytesOf(pairs[index]).toString(),
        value: pairs[index + 1] === 0 ? undefined : bytesOf(pairs[index + 1]),
      });
    return { entries, seenTo: seenTo === null ? undefined : bytesOf(seenTo).toString(), isCut: isCut === 1 };
  }

  /** Never rejects. */
  #send(asked: readonly Asked[]): Promise<unknown> {
    const scripts: Promise<void>[] = [];
    let from = 0;
    let bytes = 0;
    for (const [index, { command }] of asked.entries()) {
      bytes += commandBytes(command);
      if (index - from + 1 < commandsPerScriptMax && bytes < bytesPerScriptMax && index + 1 < asked.length) continue;
      scripts.push(this.#carryOut(asked.slice(from, index + 1)));
      from = index + 1;
      bytes = 0;
    }
    return Promise.all(scripts);
  }

  /** Never rejects. */
  async #carryOut(asked: readonly Asked[]): Promise<void> {
    const keys: string[] = [];
    const args: (string | Buffer)[] = [String(asked.length), String(fenceRetentionMs)];
    for (const { command } of asked) {
      commandKeys(command, this.#keys, keys);
      commandArguments(command, args);
    }
    try {
      const replies = listOf(await this.#redis.scriptOfBytes(kvScript, keys, args));
      for (const [index, { answer }] of asked.entries()) settle(answer, replies[index]);
    } catch (thrown) {
      for (const { answer } of asked) answer.reject(thrown);
    }
  }
}

const settle = (answer: PromiseWithResolvers<KvReply>, reply: unknown): void => {
  const decoded = decodeReply(reply);
  if (decoded instanceof Error) answer.reject(asStoreError(decoded));
  else answer.resolve(decoded);
};
