/**
 * The layout of a log entry, all numbers big-endian. It is stored, so a change is a new version.
 *
 *     u8 version | u8 0 | u32 head bytes | f64 closed at, ms | u16 sources | u16 groups | u32 records
 *     sources   u64 epoch | u16 bytes | text
 *     groups    u32 topic hash | u8 traits | u32 records | u32 meta bytes | u32 frame bytes | u16 bytes | topic text
 *     meta      per record: u16 source | u8 kind
 *               for progress: u16 bytes | recipient text
 *               for tracked: u8 flags | f64 expires at, ms or 0 | u8 bytes | id | u16 bytes | owner, or none: the source
 *     frames    group after group
 */
export const version = 1;

/** Bytes of the fixed part of each section's element. */
export const prefixBytes = 22;
export const sourceBytes = 10;
export const groupBytes = 19;
export const messageMetaBytes = 3;
export const progressMetaBytes = 5;
export const trackedMetaBytes = 15;

export const messageKind = 0;
export const progressKind = 1;
export const trackedKind = 2;

/** Traits of a group: some of its records are progress, some are tracked. Without any all go to everyone as they lie. */
export const hasProgress = 1;
export const hasTracked = 2;

/** Flags of a tracked record. */
export const possibleDuplicate = 1;

/** Who may see a progress update: everyone on the topic but its source, or the one recipient it names. */
export interface ProgressAudience {
  /** A topic, or `us::{user}` for all windows of a person; empty for everyone. */
  readonly recipient: string;
}

/** What is kept beside a record whose sender has named it, or that is not for ever. */
export interface Tracked {
  /** The identity of the sender, under which its receipts are kept. */
  readonly owner: string;
  /** The sender's name for it; empty for none. */
  readonly id: string;
  /** Not delivered from then on; 0 for never. */
  readonly expiresAtMs: number;
  /** Its sender has tried before, and what came of that is not known. */
  readonly isPossibleDuplicate: boolean;
}
