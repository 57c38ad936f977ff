/** From a scope to where its keys lie. Pure. */
import type { Actor } from '../acl/decide.ts';
import { FabricError } from '../model/error.ts';
import { identifierFault } from '../model/identifier.ts';
import type { KvSpace } from '../model/kv-command.ts';
import { isExclusive, type KvScope, type KvScopeKind } from '../model/kv-scope.ts';
import { separator } from '../model/limits.ts';
import { identityOf, type Principal, type PrincipalKind } from '../model/principal.ts';

/** A scope as it was asked for. */
export interface ScopeWish {
  readonly kind: KvScopeKind;
  readonly userId: string;
  /** Empty: the asker's own. */
  readonly workspace: string;
}

const keepers: ReadonlySet<PrincipalKind> = new Set(['agent', 'task', 'service', 'workflow_engine', 'metrics_bridge']);
/** Those with an implementation and a specifier among them: an identity that is theirs to keep something under. */
const owners: ReadonlySet<PrincipalKind> = new Set(['agent', 'task', 'service']);

/** Whether this kind of principal may have exclusive keys. */
export const keepsOwnState = ({ kind }: Principal): boolean => owners.has(kind);

const scoped = ({ kind, userId }: ScopeWish, workspace: string): KvScope => {
  switch (kind) {
    case 'global':
    case 'global_exclusive':
      return { kind };
    case 'workspace':
    case 'workspace_exclusive':
      return { kind, workspace };
    case 'user':
    case 'user_shared':
      return { kind, userId };
    case 'user_workspace':
    case 'user_workspace_shared':
      return { kind, userId, workspace };
  }
};

/** The scope that is meant, or why there is none. What is not part of the scope is not looked at. */
export const scopeOf = (wish: ScopeWish, { principal, workspace }: Actor): KvScope | FabricError => {
  if (!keepers.has(principal.kind))
    return new FabricError('ERR_INVALID_PRINCIPAL', `a ${principal.kind} has no key-value state`);
  if (isExclusive(wish) && !owners.has(principal.kind))
    return new FabricError('ERR_INVALID_PRINCIPAL', `a ${principal.kind} has no exclusive keys: scope ${wish.kind}`);
  const scope = scoped(wish, wish.workspace || (workspace ?? ''));
  const fault =
    ('userId' in scope ? partFault(scope.kind, 'user_id', scope.userId) : undefined) ??
    ('workspace' in scope ? partFault(scope.kind, 'workspace', scope.workspace) : undefined);
  return fault ?? scope;
};

const partFault = (kind: KvScopeKind, name: string, text: string): FabricError | undefined => {
  const fault = text === '' ? 'is missing' : identifierFault(text);
  return fault === undefined ? undefined : new FabricError('ERR_INVALID_ARGUMENT', `scope ${kind}: ${name} ${fault}`);
};

const join = (...parts: readonly string[]): string => parts.join(separator);

/** No two scopes have one space: the parts are free of the separator, and each form has its own first part. */
export const spaceOf = (scope: KvScope, principal: Principal): KvSpace => {
  switch (scope.kind) {
    case 'global':
      return { owner: 'kv::global', name: '' };
    case 'workspace':
      return { owner: join('kv', 'workspace', scope.workspace), name: '' };
    case 'user_shared':
      return { owner: join('kv', 'user', scope.userId), name: '' };
    case 'user_workspace_shared':
      return { owner: join('kv', 'user', scope.userId), name: join('workspace', scope.workspace) };
    case 'global_exclusive':
      return { owner: identityOf(principal), name: 'global' };
    case 'workspace_exclusive':
      return { owner: identityOf(principal), name: join('workspace', scope.workspace) };
    case 'user':
      return { owner: identityOf(principal), name: join('user', scope.userId) };
    case 'user_workspace':
      return { owner: identityOf(principal), name: join('user', scope.userId, 'workspace', scope.workspace) };
  }
};
