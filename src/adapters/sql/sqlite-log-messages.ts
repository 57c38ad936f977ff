/** What the log and its worker thread say to each other. Each side hears messages in the order they were sent. */

import type { Reason } from '../../model/reasons.ts';
import type { LogLayout } from '../../ports/message-log.ts';

export interface LogRetention {
  /** Entries older than this go. */
  readonly ageMs: number;
  /** Beyond this many bytes of entries on disk the oldest go. */
  readonly bytes: number;
}

/** With what the worker is started; it answers `opened` or `failed`. */
export interface LogWorkerSettings {
  readonly path: string;
  readonly layout: LogLayout;
  readonly retention: LogRetention;
}

/** Entries that are committed together, one after the other in `bodies`. */
export interface EntryGroup {
  /** For each entry its partition and its bytes. */
  readonly places: Uint32Array;
  readonly bodies: Uint8Array<ArrayBuffer>;
  readonly closedAtMs: number;
}

/** Consecutive entries of a partition. */
export interface LogPage {
  readonly first: number;
  readonly bodies: readonly Uint8Array<ArrayBuffer>[];
  /** Where the next page starts. */
  readonly next: number;
}

/** A log's file, just opened. */
export interface OpenedLog {
  readonly id: string;
  /** The offset that each partition's next entry will have. */
  readonly next: readonly number[];
}

export type ToLogWorker =
  | { readonly kind: 'append'; readonly group: EntryGroup }
  | { readonly kind: 'page'; readonly partition: number; readonly from: number }
  | { readonly kind: 'retain'; readonly nowMs: number }
  /** Commit what came before this, then end. */
  | { readonly kind: 'close' };

export type FromLogWorker =
  | { readonly kind: 'opened'; readonly opened: OpenedLog }
  /** The oldest `groups` groups are durable; the disk took `commitMs` for it. */
  | { readonly kind: 'committed'; readonly groups: number; readonly commitMs: number }
  /** The oldest `groups` groups are not there and never will be. */
  | { readonly kind: 'rejected'; readonly groups: number; readonly failure: Failure }
  /** The answer to the oldest request for a page. */
  | { readonly kind: 'page'; readonly page: LogPage }
  /** The worker has ended; what it had not answered is unknown. */
  | { readonly kind: 'failed'; readonly failure: Failure };

/** A `FabricError` on its way between threads. */
export interface Failure {
  readonly reason: Reason;
  readonly message: string;
  readonly cause: string;
}
