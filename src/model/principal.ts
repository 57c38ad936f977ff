import { separator } from './limits.ts';

/** Who connects. Identities start with the prefixes below. */
export type Principal =
  | { readonly kind: 'agent'; readonly workspace: string; readonly implementation: string; readonly specifier: string }
  /** `unique` tasks choose their specifier; the others get a new one at each connect. */
  | {
      readonly kind: 'task';
      readonly workspace: string;
      readonly implementation: string;
      readonly specifier: string;
      readonly unique: boolean;
    }
  /** `windowId` may be empty: a person without windows. */
  | { readonly kind: 'user'; readonly userId: string; readonly windowId: string }
  | { readonly kind: 'service'; readonly implementation: string; readonly specifier: string }
  | { readonly kind: 'bridge'; readonly implementation: string; readonly specifier: string }
  | { readonly kind: 'orchestrator'; readonly implementation: string; readonly specifier: string }
  /** One in the whole fabric. */
  | { readonly kind: 'workflow_engine' }
  /** One in the whole fabric. */
  | { readonly kind: 'metrics_bridge' };

export type PrincipalKind = Principal['kind'];

const join = (...parts: readonly string[]): string => parts.join(separator);

/** The text that names this principal everywhere: exclusive in the fabric, and the topic most are reached at. */
export const identityOf = (principal: Principal): string => {
  switch (principal.kind) {
    case 'agent':
      return join('ag', principal.workspace, principal.implementation, principal.specifier);
    case 'task':
      return join(principal.unique ? 'tu' : 'ta', principal.workspace, principal.implementation, principal.specifier);
    case 'user':
      return join('us', principal.userId, principal.windowId);
    case 'service':
      return join('sv', principal.implementation, principal.specifier);
    case 'bridge':
      return join('br', principal.implementation, principal.specifier);
    case 'orchestrator':
      return join('orc', principal.implementation, principal.specifier);
    case 'workflow_engine':
      return 'wfe::shard0';
    case 'metrics_bridge':
      return 'metrics::shard0';
  }
};

/** Where events and metrics of all workspaces are gathered. More than one shard is reserved. */
export const eventReceiver = 'event::receiver0';
export const metricReceiver = 'metric::receiver0';

/** The topic this principal sends from and is reached at; orchestrators have none. */
export const ownTopicOf = (principal: Principal): string | undefined => {
  switch (principal.kind) {
    case 'orchestrator':
      return undefined;
    case 'workflow_engine':
      return eventReceiver;
    case 'metrics_bridge':
      return metricReceiver;
    default:
      return identityOf(principal);
  }
};

/** The workspace a principal belongs to by its identity; people enter one later, the rest have none. */
export const workspaceOf = (principal: Principal): string | undefined =>
  principal.kind === 'agent' || principal.kind === 'task' ? principal.workspace : undefined;

type Reader = (a: string, b: string, c: string) => Principal;

const readers: Readonly<Record<string, { readonly segments: number; readonly read: Reader }>> = {
  ag: {
    segments: 3,
    read: (workspace, implementation, specifier) => ({ kind: 'agent', workspace, implementation, specifier }),
  },
  tu: {
    segments: 3,
    read: (workspace, implementation, specifier) => ({
      kind: 'task',
      workspace,
      implementation,
      specifier,
      unique: true,
    }),
  },
  ta: {
    segments: 3,
    read: (workspace, implementation, specifier) => ({
      kind: 'task',
      workspace,
      implementation,
      specifier,
      unique: false,
    }),
  },
  us: { segments: 2, read: (userId, windowId) => ({ kind: 'user', userId, windowId }) },
  sv: { segments: 2, read: (implementation, specifier) => ({ kind: 'service', implementation, specifier }) },
  br: { segments: 2, read: (implementation, specifier) => ({ kind: 'bridge', implementation, specifier }) },
  orc: { segments: 2, read: (implementation, specifier) => ({ kind: 'orchestrator', implementation, specifier }) },
  wfe: { segments: 1, read: () => ({ kind: 'workflow_engine' }) },
  metrics: { segments: 1, read: () => ({ kind: 'metrics_bridge' }) },
};

/** The inverse of `identityOf`; `undefined` where the text is the identity of no principal. */
export const parseIdentity = (text: string): Principal | undefined => {
  const [prefix = '', ...segments] = text.split(separator);
  const reader = Object.hasOwn(readers, prefix) ? readers[prefix] : undefined;
  if (reader === undefined || segments.length !== reader.segments) return undefined;
  const [a = '', b = '', c = ''] = segments;
  const principal = reader.read(a, b, c);
  const named = principal.kind === 'user' ? a !== '' : !segments.includes('');
  return named && identityOf(principal) === text ? principal : undefined;
};
