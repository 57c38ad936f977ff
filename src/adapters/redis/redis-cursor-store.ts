import { FabricError } from '../../model/error.ts';
import type { CursorCommit, CursorStore, Position } from '../../ports/cursor-store.ts';
import { aheadText, positionWith } from '../ahead-text.ts';
import { batchesOf } from './batches.ts';
import { commitCursorsScript, openCursorsScript } from './cursor-scripts.ts';
import type { RedisKeys } from './keys.ts';
import type { RedisConnection } from './redis-connection.ts';
import { listOf, textOf } from './reply.ts';

const ownersPerScriptMax = 500;
const retentionDefaultMs = 30 * 24 * 60 * 60 * 1000;
/** Before a topic in the hash of an owner, whose other field is `epoch`. */
const topicMark = 't:';

export interface RedisCursorStoreDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
  /** Cursors nobody has opened or moved for so long are forgotten. */
  readonly retentionMs?: number;
}

/** Cursors in Redis, in the bucket of their owner's lease. */
export class RedisCursorStore implements CursorStore {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;
  readonly #retention: string;

  constructor({ redis, keys, retentionMs = retentionDefaultMs }: RedisCursorStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
    this.#retention = String(retentionMs);
  }

  async open(owner: string, epoch: bigint): Promise<ReadonlyMap<string, Position> | undefined> {
    const reply = await this.#redis.script(
      openCursorsScript,
      [this.#keys.cursors(owner)],
      [String(epoch), this.#retention],
    );
    if (reply === null) return undefined;
    const positions = new Map<string, Position>();
    const fields = listOf(reply).map(textOf);
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const [field = '', value = ''] = fields.slice(index, index + 2);
      if (field.startsWith(topicMark)) positions.set(field.slice(topicMark.length), decodePosition(value));
    }
    return positions;
  }

  async commit(commits: readonly CursorCommit[]): Promise<readonly string[]> {
    const batches = batchesOf(commits, ({ owner }) => owner, ownersPerScriptMax);
    const refused = await Promise.all(
      batches.map(async ({ items }) => {
        const keys = items.map(({ owner }) => this.#keys.cursors(owner));
        const args = [this.#retention, ...items.flatMap(argumentsOf)];
        const places = new Set(listOf(await this.#redis.script(commitCursorsScript, keys, args)));
        return items.filter((_, index) => places.has(index + 1)).map(({ owner }) => owner);
      }),
    );
    return refused.flat();
  }
}

const argumentsOf = ({ epoch, positions }: CursorCommit): readonly string[] => [
  String(epoch),
  String(positions.size),
  ...[...positions].flatMap(([topic, position]) => [
    topicMark + topic,
    `${position.offset} ${position.index}${aheadText(position)}`,
  ]),
];

const decodePosition = (text: string): Position => {
  const [, offset, index, ahead] = /^(\d+) (\d+)(;[\d.,]+)?$/.exec(text) ?? [];
  if (offset === undefined) throw new FabricError('ERR_INTERNAL', `"${text}" in Redis is not a position`);
  return positionWith(BigInt(offset), Number(index), ahead);
};
