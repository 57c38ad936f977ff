/** What a message has been through with a recipient that acknowledges. */
export interface Tries {
  /** Attempts used up. */
  readonly attempts: number;
  /** How often it was lost together with others, */
  readonly losses: number;
  /** or before the recipient's transport had answered for it. */
  readonly unseen: number;
}

/** What is known of a record at or behind a place: what it has been through, or, where that is nothing, that it is done. */
export interface Ahead extends Tries {
  readonly offset: bigint;
  readonly index: number;
}

/** A place between two records of a partition: the next record wanted is this one. */
export interface Position {
  /** Offset of a log entry. */
  readonly offset: bigint;
  /** Record within the entry's batch. */
  readonly index: number;
  /** Of recipients that acknowledge: the records from here on that are done already, or have been tried. In order. */
  readonly ahead?: readonly Ahead[];
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
