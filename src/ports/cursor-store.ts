/** A place between two records of a partition: the next record wanted is this one. */
export interface Position {
  /** Offset of a log entry. */
  readonly offset: bigint;
  /** Record within the entry's batch. */
  readonly index: number;
}

export interface CursorCommit {
  readonly owner: string;
  readonly epoch: bigint;
  readonly positions: ReadonlyMap<string, Position>;
}

/**
 * How far each owner (an identity) is on each of its topics. Only the newest epoch that opened an owner's cursors may
 * move them (I3); they may move back, which only repeats deliveries.
 */
export interface CursorStore {
  /** Fences off every lower epoch and answers with the committed positions. Refused (`undefined`) to an older epoch. */
  open(owner: string, epoch: bigint): Promise<ReadonlyMap<string, Position> | undefined>;
  /** Each commit is all or nothing; answers with the owners whose epoch is no longer the newest. One round trip. */
  commit(commits: readonly CursorCommit[]): Promise<readonly string[]>;
}
