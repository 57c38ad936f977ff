import type { CursorCopies } from '../../ports/cursor-copies.ts';
import type { CursorCommit, Position } from '../../ports/cursor-store.ts';

export class MemoryCursorCopies implements CursorCopies {
  readonly #owners = new Map<string, { readonly epoch: bigint; readonly positions: Map<string, Position> }>();

  keep(commits: readonly CursorCommit[]): Promise<void> {
    for (const { owner, epoch, positions } of commits) {
      const kept = this.#owners.get(owner);
      if (kept !== undefined && kept.epoch > epoch) continue;
      this.#owners.set(owner, { epoch, positions: new Map([...(kept?.positions ?? []), ...positions]) });
    }
    return Promise.resolve();
  }

  find(owner: string): Promise<ReadonlyMap<string, Position>> {
    return Promise.resolve(new Map(this.#owners.get(owner)?.positions));
  }
}
