import type { Bugs } from '../world.ts';

/** One exact place of a file of `src`, changed while it is loaded. The run fails if the place is no longer there. */
export interface SourceEdit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A planted bug, and what it breaks. */
export interface Mutation {
  readonly name: string;
  readonly breaks: string;
  readonly bugs?: Bugs | undefined;
  readonly edits?: readonly SourceEdit[];
}
