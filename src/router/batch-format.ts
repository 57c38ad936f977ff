/**
 * The layout of a log entry, all numbers big-endian. It is stored, so a change is a new version.
 *
 *     u8 version | u8 0 | u32 head bytes | f64 closed at, ms | u16 sources | u16 groups | u32 records
 *     sources   u64 epoch | u16 bytes | text
 *     groups    u32 topic hash | u8 filtered | u32 records | u32 meta bytes | u32 frame bytes | u16 bytes | topic text
 *     meta      per record: u16 source | u8 kind | for progress: u16 bytes | recipient text
 *     frames    group after group
 */
export const version = 1;

/** Bytes of the fixed part of each section's element. */
export const prefixBytes = 22;
export const sourceBytes = 10;
export const groupBytes = 19;
export const messageMetaBytes = 3;
export const progressMetaBytes = 5;

export const messageKind = 0;
export const progressKind = 1;

/** Who may see a progress update: everyone on the topic but its source, or the one recipient it names. */
export interface ProgressAudience {
  /** A topic, or `us::{user}` for all windows of a person; empty for everyone. */
  readonly recipient: string;
}
