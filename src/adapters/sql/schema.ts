/**
 * The tables, the same on both dialects. Times are milliseconds since 1970, documents are JSON text, there are no
 * arrays. Integers are numbers, and one beyond 2^53 is an error when it is read: values that need 64 bits (epochs, log
 * offsets) are written as bigint and compared in SQL, or kept inside a document as text.
 */
import type { ColumnType, Generated } from 'kysely';

export interface Schema {
  readonly aether_migration: MigrationTable;
  readonly aether_fabric_setting: FabricSettingTable;
  readonly aether_cursor: CursorTable;
  readonly aether_work_item: WorkItemTable;
  readonly aether_receipt: ReceiptTable;
  readonly aether_dead_letter: DeadLetterTable;
  readonly aether_delayed: DelayedTable;
  readonly aether_topic_segment: TopicSegmentTable;
  readonly aether_fence: FenceTable;
  readonly aether_kv: KvTable;
  readonly aether_kv_member: KvMemberTable;
  readonly aether_checkpoint: CheckpointTable;
  readonly aether_quota_override: QuotaOverrideTable;
}

interface MigrationTable {
  readonly version: number;
  readonly name: string;
}

/** What was decided when the fabric was created and cannot change after. */
interface FabricSettingTable {
  readonly name: string;
  readonly value: string;
}

interface CursorTable {
  readonly owner: string;
  /** Never read, only compared. */
  readonly epoch: ColumnType<never, bigint, bigint>;
  /** By topic, each as `offset:index`. */
  readonly positions: string;
}

interface WorkItemTable {
  readonly id: Generated<number>;
  readonly topic: string;
  readonly body: Uint8Array;
  /** How often it was claimed; also what fences a claim. */
  readonly attempt: Generated<number>;
  /** Until when the present claim holds; free from then on. */
  readonly claimed_until: Generated<number>;
}

/** Which topics occur in a segment of a message log. */
interface TopicSegmentTable {
  readonly log: string;
  readonly partition: number;
  readonly segment: number;
  readonly expires_at: number;
  /** Their hashes, four bytes each, little-endian. */
  readonly topics: Uint8Array;
}

interface ReceiptTable {
  readonly owner: string;
  readonly id: string;
  readonly rank: number;
  /** Of the session that claimed it last. Never read, only compared. */
  readonly epoch: ColumnType<never, bigint, bigint>;
  /** How often it was claimed before it was durable. */
  readonly claims: number;
  readonly at_ms: number;
  readonly state: string;
  readonly reason: string;
  /** When the time of the message is over, as long as that would make it expired. */
  readonly due_at: number | null;
  readonly expires_at: number;
}

/** The epoch opened last in an owner's name. */
interface FenceTable {
  readonly owner: string;
  /** Never read, only compared. */
  readonly epoch: ColumnType<never, bigint, bigint>;
  readonly opened_at: number;
}

/** Keys are bytes, so that both dialects order and compare them alike. */
interface KvTable {
  readonly owner: string;
  readonly space: string;
  readonly key: Uint8Array;
  /** Null for a set. */
  readonly value: Uint8Array | null;
  /** How many a set has; null for a value. */
  readonly members: number | null;
  readonly expires_at: number | null;
}

interface KvMemberTable {
  readonly owner: string;
  readonly space: string;
  readonly key: Uint8Array;
  readonly member: Uint8Array;
}

interface CheckpointTable {
  readonly owner: string;
  readonly name: Uint8Array;
  readonly data: Uint8Array;
  readonly saved_at: number;
  readonly expires_at: number | null;
}

interface DeadLetterTable {
  /** Counts in the order they were buried. */
  readonly place: Generated<number>;
  readonly id: string;
  readonly topic: string;
  readonly recipient: string;
  readonly source: string;
  readonly owner: string;
  readonly message_id: string;
  readonly attempts: number;
  readonly reason: string;
  readonly buried_at: number;
  readonly frame: Uint8Array;
}

interface DelayedTable {
  readonly id: string;
  readonly due_at: number;
  readonly attempt: Generated<number>;
  readonly claimed_until: Generated<number>;
  readonly body: Uint8Array;
}

interface QuotaOverrideTable {
  readonly subject: string;
  /** By the name of the limit. */
  readonly limits: string;
}
