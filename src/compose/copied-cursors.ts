/**
 * Cursors with copies. The store is the truth while it has its data; the copies are written behind it, every few
 * seconds, and asked only where it knows nothing of an owner: one that is new, or one that was lost with the store's
 * data. Then what was kept is put back.
 */
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { CursorCopies } from '../ports/cursor-copies.ts';
import type { CursorCommit, CursorStore, Position } from '../ports/cursor-store.ts';
import type { Log } from '../ports/log.ts';

interface CopiedCursorsDeps {
  readonly store: CursorStore;
  readonly copies: CursorCopies;
  readonly clock: Clock;
  readonly log: Log;
}

const copyEveryMs = 3000;
/** Owners in one statement. */
const copiedAtOnceMax = 500;

export class CopiedCursors implements CursorStore, AsyncDisposable {
  readonly #deps: CopiedCursorsDeps;
  /** Moved since they were last copied, by owner. */
  #moved = new Map<string, CursorCommit>();
  #scheduled: Scheduled | undefined;
  #copying: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(deps: CopiedCursorsDeps) {
    this.#deps = deps;
  }

  async open(owner: string, epoch: bigint): Promise<ReadonlyMap<string, Position> | undefined> {
    const { store } = this.#deps;
    const positions = await store.open(owner, epoch);
    if (positions === undefined || positions.size > 0) return positions;
    const kept = await this.#find(owner);
    if (kept.size === 0) return positions;
    const fenced = await store.commit([{ owner, epoch, positions: kept }]);
    return fenced.length > 0 ? undefined : kept;
  }

  async commit(commits: readonly CursorCommit[]): Promise<readonly string[]> {
    const fenced = await this.#deps.store.commit(commits);
    const refused = new Set(fenced);
    for (const commit of commits) if (!refused.has(commit.owner)) this.#note(commit);
    return fenced;
  }

  /** Copies what has moved; once, whether or not that succeeds. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#scheduled?.cancel();
    await this.#copying;
    await this.#copy();
  }

  /** Without the copies an owner that is not known begins with the oldest message, as a new one does. */
  async #find(owner: string): Promise<ReadonlyMap<string, Position>> {
    try {
      return await this.#deps.copies.find(owner);
    } catch (cause) {
      this.#deps.log.warn('copies of cursors could not be asked', { owner, cause });
      return new Map();
    }
  }

  #note(commit: CursorCommit): void {
    const before = this.#moved.get(commit.owner);
    const positions =
      before?.epoch === commit.epoch ? new Map([...before.positions, ...commit.positions]) : commit.positions;
    this.#moved.set(commit.owner, { ...commit, positions });
    if (this.#isClosed) return;
    this.#scheduled ??= this.#deps.clock.schedule(copyEveryMs, () => {
      this.#copying = this.#copy();
    });
  }

  async #copy(): Promise<void> {
    this.#scheduled = undefined;
    const moved = [...this.#moved.values()];
    this.#moved = new Map();
    try {
      for (let from = 0; from < moved.length; from += copiedAtOnceMax)
        await this.#deps.copies.keep(moved.slice(from, from + copiedAtOnceMax));
    } catch (cause) {
      this.#deps.log.warn('cursors could not be copied, they will be with the next ones', { cause });
      for (const commit of moved) if (!this.#moved.has(commit.owner)) this.#note(commit);
    }
  }
}
