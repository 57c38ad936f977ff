import { FabricError } from '../../model/error.ts';
import { checkpointsPerIdentityMax } from '../../model/limits.ts';
import type {
  Checkpoint,
  CheckpointSave,
  CheckpointSaved,
  CheckpointStore,
  CheckpointWriter,
} from '../../ports/checkpoint-store.ts';
import { deleteCheckpointScript, listCheckpointsScript, saveCheckpointScript } from './checkpoint-scripts.ts';
import { fenceRetentionMs, openFence } from './fence.ts';
import type { RedisKeys } from './keys.ts';
import { asBuffer, ttlText } from './kv-encoding.ts';
import type { RedisConnection } from './redis-connection.ts';
import { bytesOf, listOf, textOf } from './reply.ts';

export interface RedisCheckpointStoreDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
}

const blank = 0x20;

/** Checkpoints in Redis, in the bucket of their owner's lease. */
export class RedisCheckpointStore implements CheckpointStore {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;

  constructor({ redis, keys }: RedisCheckpointStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return openFence(this.#redis, this.#keys.fence(owner), epoch);
  }

  async save({ owner, epoch }: CheckpointWriter, { name, data, ttlMs }: CheckpointSave): Promise<CheckpointSaved> {
    const limits = [String(checkpointsPerIdentityMax), this.#keys.checkpoints(owner)];
    const args = [String(epoch), String(fenceRetentionMs), name, ttlText(ttlMs), asBuffer(data), ...limits];
    const reply = await this.#redis.scriptOfBytes(saveCheckpointScript, this.#keysOf(owner, name), args);
    if (reply === null) return { outcome: 'fenced' };
    const saved = bytesOf(reply).toString();
    return saved === 'full' ? { outcome: 'full' } : { outcome: 'saved', savedAtMs: Number(saved) };
  }

  async load(owner: string, name: string): Promise<Checkpoint | undefined> {
    const found = await this.#redis.command((client) => client.getBuffer(this.#keys.checkpoints(owner) + name));
    if (found === null) return undefined;
    const at = found.indexOf(blank);
    const savedAtMs = Number(found.subarray(0, at).toString());
    if (at < 0 || !Number.isSafeInteger(savedAtMs))
      throw new FabricError('ERR_INTERNAL', 'what is in Redis is no checkpoint');
    return { data: found.subarray(at + 1), savedAtMs };
  }

  async delete({ owner, epoch }: CheckpointWriter, name: string): Promise<boolean> {
    const args = [String(epoch), String(fenceRetentionMs), name];
    return (await this.#redis.script(deleteCheckpointScript, this.#keysOf(owner, name), args)) !== null;
  }

  async list(owner: string): Promise<readonly string[]> {
    const reply = await this.#redis.script(
      listCheckpointsScript,
      [this.#keys.checkpointNames(owner)],
      [this.#keys.checkpoints(owner)],
    );
    return listOf(reply).map(textOf);
  }

  #keysOf(owner: string, name: string): readonly string[] {
    return [this.#keys.fence(owner), this.#keys.checkpoints(owner) + name, this.#keys.checkpointNames(owner)];
  }
}
