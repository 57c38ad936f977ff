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
 * In whose name a process appends, for as long as nobody may take its place. Whoever takes it fences the name off first.
 */
export interface LogWriter {
  /** Unlike any other, ever; at most 200 bytes. */
  readonly name: string;
  /** False from the moment on at which it may be fenced off, on this process's monotonic clock; never true again then. */
  isCurrent(): boolean;
  /** Aborts soon after. */
  readonly lost: AbortSignal;
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
   *
   * With a writer nothing is sent, or sent again, once that is not current: the append rejects. What a fenced writer
   * appends is dropped, and may be told to be durable all the same: who is told looks whether the writer still is
   * current. Without one it is in the process's own name, which nobody fences.
   */
  append(partition: number, parts: readonly Uint8Array[], writer?: LogWriter): Promise<void>;
  /**
   * Writes a writer's name down, durably: who asks after this resolved is told it, until it is fenced off. Resolves with
   * all that were written down and not fenced off before, this one's own included. May be repeated. Rejects with
   * `STORE_UNAVAILABLE`, or when the signal aborts.
   */
  enter(writer: string, options: { readonly signal: AbortSignal }): Promise<ReadonlySet<string>>;
  /**
   * Fences a writer off, on every partition: what it has appended is in the log when this resolves, before everything
   * that is appended from then on, or never will be. May be repeated, by anyone. Rejects only when the signal aborts.
   */
  fence(writer: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Opens a reading at the end (what is appended from now on), or at an offset, or at the oldest entry after it. */
  read(partition: number, from: bigint | 'end', options: { readonly signal: AbortSignal }): Promise<LogReading>;
}
