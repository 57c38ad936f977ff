/** What was appended as one, with its place in the partition. */
export interface LogEntry {
  /** Grows within a partition; gaps are possible. */
  readonly offset: bigint;
  readonly batch: Uint8Array;
}

export interface LogLayout {
  readonly partitions: number;
  readonly spread: number;
}

/** An open reading of one partition. Iterate it once; dispose it to end the reading. */
export interface LogReading extends AsyncDisposable {
  /**
   * The first offset that can still come: everything appended after the reading was opened has this offset or a later
   * one, everything before it that was asked for too.
   */
  readonly start: bigint;
  /** Entries in order, in groups as they arrive; waits for more at the end. Throws `STORE_UNAVAILABLE` if it breaks. */
  readonly entries: AsyncIterable<readonly LogEntry[]>;
}

/**
 * Durable, ordered, append-only partitions. Appends of one process to one partition are stored in the order of the
 * calls; readings see them in that order, each exactly once per reading, and never before they are durable.
 */
export interface MessageLog {
  /** Names this log. One that was made anew after its data were lost has another: offsets mean nothing across logs. */
  readonly id: string;
  readonly layout: LogLayout;
  /**
   * Resolves once the entry is durable. `parts` are written one after the other as one entry. After
   * `STORE_UNAVAILABLE` it is unknown whether the entry is there; it will not appear later than a following append.
   */
  append(partition: number, parts: readonly Uint8Array[]): Promise<void>;
  /** Opens a reading at the end (what is appended from now on), or at an offset, or at the oldest entry after it. */
  read(partition: number, from: bigint | 'end', options: { readonly signal: AbortSignal }): Promise<LogReading>;
}
