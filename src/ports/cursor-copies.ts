import type { CursorCommit, Position } from './cursor-store.ts';

/**
 * A second place for cursors, where they outlive the loss of the first with its data. Written in the background, so it
 * is some seconds behind: who starts from it gets the deliveries of those seconds again, and none is lost.
 */
export interface CursorCopies {
  /** Keeps the positions of each owner whose kept epoch is not a newer one. */
  keep(commits: readonly CursorCommit[]): Promise<void>;
  /** What is kept of an owner; empty where there is nothing. */
  find(owner: string): Promise<ReadonlyMap<string, Position>>;
}
