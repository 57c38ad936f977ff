import type { Position } from '../ports/cursor-store.ts';
import type { Recipient } from './recipient.ts';
import type { RecordGroup } from './record-batch.ts';

/**
 * A recipient's wish for one topic. It is in one of five states, and only its partition's reader moves it:
 *
 * - `live`: gets each batch as the reader takes it
 * - `behind`: waits for the catch-up scan that will bring it from `position` to the live reader
 * - `full`: there was no room; waits for it, then goes on from `position`
 * - `asking`: has to know whether the record at `position` was delivered before, then goes on from there
 * - `closed`
 */
export interface Subscribed {
  readonly topic: string;
  readonly hash: number;
  readonly recipient: Recipient;
  /** Whether the recipient's place on the topic outlives its connection. */
  readonly durable: boolean;
  state: 'live' | 'behind' | 'full' | 'asking' | 'closed';
  /** No record before this one is wanted any more. */
  position: Position;
  /** Offers what it wants of `group` at `offset`; where that stops it is `full` or `asking`, and `position` says where. */
  deliver(offset: bigint, group: RecordGroup): boolean;
  /** Everything offered up to `mark` has reached the peer. Whether the cursor may have moved by that. */
  confirm(mark: number): boolean;
  /** How far the recipient certainly is; `liveNext` is the offset the reader takes next. */
  cursor(liveNext: bigint): Position;
}
