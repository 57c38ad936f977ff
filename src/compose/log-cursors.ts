import type { CursorStore } from '../ports/cursor-store.ts';

/**
 * Cursors of one message log. A log that was made anew after its data were lost begins at offset 0 again: with the
 * places of the old one its recipients would pass over everything until it is as long.
 */
export const cursorsOfLog = (logId: string, store: CursorStore): CursorStore => {
  const prefix = `${logId} `;
  return {
    open: (owner, epoch) => store.open(prefix + owner, epoch),
    commit: async (commits) => {
      const fenced = await store.commit(commits.map((commit) => ({ ...commit, owner: prefix + commit.owner })));
      return fenced.map((owner) => owner.slice(prefix.length));
    },
  };
};
