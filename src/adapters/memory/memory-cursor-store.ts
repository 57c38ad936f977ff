import type { CursorCommit, CursorStore, Position } from '../../ports/cursor-store.ts';

interface Owner {
  epoch: bigint;
  readonly positions: Map<string, Position>;
}

/** Cursors of one process. */
export class MemoryCursorStore implements CursorStore {
  readonly #owners = new Map<string, Owner>();

  open(owner: string, epoch: bigint): Promise<ReadonlyMap<string, Position> | undefined> {
    const found = this.#owners.get(owner) ?? { epoch, positions: new Map() };
    if (found.epoch > epoch) return Promise.resolve(undefined);
    found.epoch = epoch;
    this.#owners.set(owner, found);
    return Promise.resolve(new Map(found.positions));
  }

  commit(commits: readonly CursorCommit[]): Promise<readonly string[]> {
    const fenced: string[] = [];
    for (const { owner, epoch, positions } of commits) {
      const found = this.#owners.get(owner);
      if (found?.epoch !== epoch) fenced.push(owner);
      else for (const [topic, position] of positions) found.positions.set(topic, position);
    }
    return Promise.resolve(fenced);
  }
}
