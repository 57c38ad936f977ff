/** The wire's words for key-value state, in the fabric's. */
import { type KVOperation, KVResponse, KVOperation_Scope as Scope } from '../../gen/aether/v1/kv.ts';
import type { KvListing, KvOutcome } from '../../kv/kv.ts';
import type { ScopeWish } from '../../kv/space.ts';
import type { KvScopeKind } from '../../model/kv-scope.ts';
import { encodeDownstream } from './downstream.ts';

const kinds: ReadonlyMap<number, KvScopeKind> = new Map<number, KvScopeKind>([
  [Scope.UNSPECIFIED, 'workspace'],
  [Scope.GLOBAL, 'global'],
  [Scope.WORKSPACE, 'workspace'],
  [Scope.USER, 'user'],
  [Scope.USER_WORKSPACE, 'user_workspace'],
  [Scope.GLOBAL_EXCLUSIVE, 'global_exclusive'],
  [Scope.WORKSPACE_EXCLUSIVE, 'workspace_exclusive'],
  [Scope.USER_SHARED, 'user_shared'],
  [Scope.USER_WORKSPACE_SHARED, 'user_workspace_shared'],
]);

/** `undefined` for a scope this gateway does not know. */
export const scopeWishOf = ({ scope, userId, workspace }: KVOperation): ScopeWish | undefined => {
  const kind = kinds.get(scope);
  return kind === undefined ? undefined : { kind, userId, workspace };
};

const nothing = KVResponse.decode(new Uint8Array());

export const failedResponse = (requestId: string): KVResponse => ({ ...nothing, requestId });

export const outcomeResponse = ({ applied, value, count }: KvOutcome, requestId: string): KVResponse => ({
  ...nothing,
  success: true,
  applied,
  value: value ?? nothing.value,
  counterValue: count ?? 0n,
  requestId,
});

export const encodeListing = ({ keys, values, nextCursor }: KvListing, requestId: string): Uint8Array =>
  encodeDownstream({
    $case: 'kv',
    value: {
      ...nothing,
      success: true,
      keys: [...keys],
      kvMap: new Map(values),
      nextCursor,
      hasMore: nextCursor !== '',
      requestId,
    },
  });
