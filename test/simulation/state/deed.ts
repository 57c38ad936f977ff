/** What keepers do to keys and checkpoints, as a plan says it and as it is asked and answered. */

/** Where keys and checkpoints lie: the scopes of keys by their names on the wire, in small letters. */
export const sharedSpaces = ['global', 'workspace', 'user_shared', 'user_workspace_shared'] as const;
export const exclusiveSpaces = ['global_exclusive', 'workspace_exclusive', 'user', 'user_workspace'] as const;
export type KeySpace = (typeof sharedSpaces)[number] | (typeof exclusiveSpaces)[number];
export type Space = KeySpace | 'checkpoints';

export const isShared = (space: Space): boolean => sharedSpaces.some((shared) => shared === space);

/** Checkpoints are read, written and deleted like keys. */
export type Deed =
  | { readonly does: 'get' }
  | { readonly does: 'put'; readonly value: string; readonly ttlMs: number }
  | { readonly does: 'put_new'; readonly value: string; readonly ttlMs: number }
  | { readonly does: 'put_if'; readonly expected: string; readonly value: string; readonly ttlMs: number }
  | { readonly does: 'delete' }
  | { readonly does: 'delete_if'; readonly expected: string }
  /** `bound`: what the result must not go beyond, in the direction of the amount. */
  | { readonly does: 'add'; readonly amount: number; readonly bound: number | undefined; readonly ttlMs: number }
  | { readonly does: 'add_member'; readonly value: string; readonly ttlMs: number }
  | { readonly does: 'count_members' };

export type Answer =
  | { readonly is: 'done'; readonly applied: boolean; readonly value: string; readonly count: number }
  | { readonly is: 'wrong_type' };

export const person = 'somebody';
const workspace = 'workspace::w';

const placesOf = (identity: string): Readonly<Record<Space, string>> => ({
  global: 'kv::global/',
  workspace: `kv::${workspace}/`,
  user_shared: `kv::user::${person}/`,
  user_workspace_shared: `kv::user::${person}/${workspace}`,
  global_exclusive: `${identity}/global`,
  workspace_exclusive: `${identity}/${workspace}`,
  user: `${identity}/user::${person}`,
  user_workspace: `${identity}/user::${person}::${workspace}`,
  checkpoints: `${identity}/checkpoints`,
});

/** Of a space, or of a key in it, as it stands in the trace: where the fabric is to keep it. */
export const nameOf = (identity: string, space: Space, key = ''): string => `${placesOf(identity)[space]}/${key}`;

/** One act of a keeper, as planned: what it expects and what it writes is found when it is done. */
export type Step =
  | {
      readonly on: 'one';
      readonly space: Space;
      readonly key: string;
      readonly does: Deed['does'];
      /** 0 for ever. */
      readonly ttlMs: number;
      /** One of its own if nothing is said. */
      readonly value?: string | undefined;
      readonly amount?: number;
      readonly bound?: number | undefined;
    }
  /** All pages. Checkpoints have one. */
  | { readonly on: 'all'; readonly space: Space; readonly limit: number }
  /** Of its own identity. */
  | { readonly on: 'purge' };
