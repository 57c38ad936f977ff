import { sql } from 'kysely';
import { decodeTopics, encodeTopics, type SegmentTopics, segmentTopicsFormat } from '../../model/segment-topics.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TopicIndex } from '../../ports/topic-index.ts';
import type { SqlDatabase } from './sql-database.ts';

interface TopicIndexDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  /** Whose segments these are. */
  readonly logId: string;
  /** How long a segment is kept: as long as the log keeps what is in it. */
  readonly retentionMs: number;
}

/** Puts between two rounds of taking away what has expired. */
const sweepEvery = 64;

/** The index of a log's topics, one row for each segment. */
export class SqlTopicIndex implements TopicIndex {
  readonly #deps: TopicIndexDeps;
  readonly #log: string;
  #puts = 0;

  constructor(deps: TopicIndexDeps) {
    this.#deps = deps;
    this.#log = `${deps.logId} ${segmentTopicsFormat}`;
  }

  async put(partition: number, segment: number, topics: SegmentTopics): Promise<void> {
    const { database, clock, retentionMs } = this.#deps;
    await database.queries
      .insertInto('aether_topic_segment')
      .values({
        log: this.#log,
        partition,
        segment,
        topics: encodeTopics(topics),
        expires_at: clock.now() + retentionMs,
      })
      .onConflict((conflict) =>
        conflict
          .columns(['log', 'partition', 'segment'])
          .doUpdateSet({ topics: (row) => row.ref('excluded.topics') })
          .where(sql<boolean>`length(excluded.topics) > length(aether_topic_segment.topics)`),
      )
      .execute();
    this.#puts += 1;
    if (this.#puts % sweepEvery === 0)
      await database.queries.deleteFrom('aether_topic_segment').where('expires_at', '<', clock.now()).execute();
  }

  async find(partition: number, first: number, count: number): Promise<readonly (SegmentTopics | undefined)[]> {
    const rows = await this.#deps.database.queries
      .selectFrom('aether_topic_segment')
      .select(['segment', 'topics'])
      .where('log', '=', this.#log)
      .where('partition', '=', partition)
      .where('segment', '>=', first)
      .where('segment', '<', first + count)
      .execute();
    const found = new Map(rows.map(({ segment, topics }) => [segment, decodeTopics(topics)]));
    return Array.from({ length: count }, (_, index) => found.get(first + index));
  }
}
