/**
 * Whose keys are meant. Keys of one scope are never seen in another. The exclusive ones, `user` and `user_workspace` among
 * them, belong to one identity.
 */
export type KvScope =
  /** Everyone's. */
  | { readonly kind: 'global' }
  /** Shared in a workspace. */
  | { readonly kind: 'workspace'; readonly workspace: string }
  /** What this principal keeps about a person. */
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'user_workspace'; readonly userId: string; readonly workspace: string }
  /** This principal's own. */
  | { readonly kind: 'global_exclusive' }
  | { readonly kind: 'workspace_exclusive'; readonly workspace: string }
  /** A person's, shared between those who serve them. */
  | { readonly kind: 'user_shared'; readonly userId: string }
  | { readonly kind: 'user_workspace_shared'; readonly userId: string; readonly workspace: string };

export type KvScopeKind = KvScope['kind'];

export const isExclusive = ({ kind }: { readonly kind: KvScopeKind }): boolean =>
  kind === 'user' || kind === 'user_workspace' || kind === 'global_exclusive' || kind === 'workspace_exclusive';
