import { decodeTopics, encodeTopics, type SegmentTopics, segmentTopicsFormat } from '../../model/segment-topics.ts';
import type { TopicIndex } from '../../ports/topic-index.ts';
import type { RedisConnection } from './redis-connection.ts';
import { script } from './script.ts';

export interface RedisTopicIndexDeps {
  readonly redis: RedisConnection;
  /** What its keys begin with; another for each log. */
  readonly prefix: string;
  /** How long a segment is kept: as long as the log keeps what is in it. */
  readonly retentionMs: number;
}

/** Keys: segment. Arguments: what is known of it, how long it is kept. */
const putScript = script(`
local held = redis.call('EXISTS', KEYS[1]) == 1
if not held or redis.call('STRLEN', KEYS[1]) < #ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
`);

/** One key for each segment. A partition is the hash tag: one slot on a cluster, so one command reads many segments. */
export class RedisTopicIndex implements TopicIndex {
  readonly #deps: RedisTopicIndexDeps;

  constructor(deps: RedisTopicIndexDeps) {
    this.#deps = deps;
  }

  async put(partition: number, segment: number, topics: SegmentTopics): Promise<void> {
    const { redis, retentionMs } = this.#deps;
    await redis.scriptOfBytes(putScript, [this.#key(partition, segment)], [encodeTopics(topics), String(retentionMs)]);
  }

  async find(partition: number, first: number, count: number): Promise<readonly (SegmentTopics | undefined)[]> {
    const keys = Array.from({ length: count }, (_, index) => this.#key(partition, first + index));
    const found = await this.#deps.redis.command((client) => client.mgetBuffer(...keys));
    return found.map((bytes) => (bytes === null ? undefined : decodeTopics(bytes)));
  }

  #key(partition: number, segment: number): string {
    return `${this.#deps.prefix}{topics:${partition}}:${segmentTopicsFormat}:${segment}`;
  }
}
