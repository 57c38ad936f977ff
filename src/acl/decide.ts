/**
 * The first policy, before there are rules: who may address which kind of topic, and workspaces are closed to each
 * other. Pure: everything it needs is in its arguments.
 *
 * | sender | may send to |
 * |---|---|
 * | agent, task | everything but `uu::` |
 * | person | everything but `uu::`, events, metrics and progress |
 * | service, bridge, workflow engine | everything |
 * | orchestrator | agents, tasks and task workers |
 * | metrics bridge | nothing |
 *
 * `pg::`, `tk::…::events` and the gathering topics are written by the fabric alone, except for the workflow engine.
 * Who is in a workspace reaches that one only. Who is in none (a person before choosing one, services, bridges and the
 * fabric's own parts) reaches all of them. The same holds for key-value state, which agents, tasks, services, the workflow
 * engine and the metrics bridge have; what is exclusive to an identity is its owner's by where it lies.
 */
import type { KvScope } from '../model/kv-scope.ts';
import type { Principal, PrincipalKind } from '../model/principal.ts';
import { identityOf, workspaceOf } from '../model/principal.ts';
import type { Topic, TopicKind } from '../model/topic.ts';

export interface Actor {
  readonly principal: Principal;
  /** The workspace it is in: its own, or the one a person has entered. */
  readonly workspace: string | undefined;
}

export type Access =
  | { readonly action: 'connect'; readonly workspace: string | undefined }
  /** `addressed` is what the sender wrote; `topic` is where it goes: the same, or one instance, or a gathering topic. */
  | { readonly action: 'send'; readonly addressed: Topic; readonly topic: Topic }
  | { readonly action: 'report_progress'; readonly topic: Topic }
  | { readonly action: 'see_connection'; readonly principal: Principal }
  | { readonly action: 'manage_sessions' }
  | { readonly action: 'manage_dead_letters' }
  | { readonly action: 'manage_quotas' }
  /** Of a listing, `key` is what the keys begin with. */
  | { readonly action: 'read_kv' | 'write_kv'; readonly scope: KvScope; readonly key: string }
  /** All exclusive keys of the identity. */
  | { readonly action: 'purge_kv'; readonly identity: string }
  /** Its own. */
  | { readonly action: 'keep_checkpoints' };

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly because: string };

const allow: Decision = { allowed: true };
const deny = (because: string): Decision => ({ allowed: false, because });

const fabricTopics: ReadonlySet<TopicKind> = new Set([
  'progress',
  'user_progress',
  'task_events',
  'event_receiver',
  'metric_receiver',
]);
const gatheringTopics: ReadonlySet<TopicKind> = new Set(['event', 'metric']);
const orchestratorTopics: ReadonlySet<TopicKind> = new Set(['agent', 'task', 'task_workers']);
const operators: ReadonlySet<PrincipalKind> = new Set(['service', 'bridge', 'workflow_engine', 'orchestrator']);
const reporters: ReadonlySet<PrincipalKind> = new Set(['agent', 'task', 'service']);
const stateKeepers: ReadonlySet<PrincipalKind> = new Set([...reporters, 'workflow_engine', 'metrics_bridge']);

const mayAddress = ({ principal }: Actor, { kind }: Topic): boolean => {
  if (fabricTopics.has(kind)) return principal.kind === 'workflow_engine';
  switch (principal.kind) {
    case 'agent':
    case 'task':
      return kind !== 'user';
    case 'user':
      return kind !== 'user' && !gatheringTopics.has(kind);
    case 'orchestrator':
      return orchestratorTopics.has(kind);
    case 'metrics_bridge':
      return false;
    case 'service':
    case 'bridge':
    case 'workflow_engine':
      return true;
  }
};

const decideSend = (actor: Actor, target: Topic): Decision => {
  if (!mayAddress(actor, target)) return deny(`${actor.principal.kind} may not address ${target.kind} topics`);
  if (actor.workspace === undefined || target.workspace === undefined || target.workspace === actor.workspace)
    return allow;
  return deny(`workspace ${target.workspace} is closed to ${actor.workspace}`);
};

const decideSight = (actor: Actor, other: Principal): Decision => {
  if (operators.has(actor.principal.kind)) return allow;
  if (identityOf(actor.principal) === identityOf(other)) return allow;
  const workspace = workspaceOf(other);
  return workspace !== undefined && workspace === actor.workspace
    ? allow
    : deny('only oneself and principals of the same workspace may be looked up');
};

/** Everyone's state is open to all who have any; a workspace's to those in it and to those who are in none. */
const decideState = (actor: Actor, scope: KvScope): Decision => {
  if (!stateKeepers.has(actor.principal.kind)) return deny(`a ${actor.principal.kind} has no key-value state`);
  if (!('workspace' in scope) || actor.workspace === undefined || scope.workspace === actor.workspace) return allow;
  return deny(`workspace ${scope.workspace} is closed to ${actor.workspace}`);
};

const decidePurge = (actor: Actor, identity: string): Decision => {
  if (!stateKeepers.has(actor.principal.kind)) return deny(`a ${actor.principal.kind} has no key-value state`);
  if (operators.has(actor.principal.kind) || identity === identityOf(actor.principal)) return allow;
  return deny('only operators may purge the keys of others');
};

const operations = {
  manage_sessions: 'list or end sessions',
  manage_dead_letters: 'see and change dead letters',
  manage_quotas: 'see and change quotas',
} as const;

const decideOperation = ({ principal }: Actor, action: keyof typeof operations): Decision =>
  operators.has(principal.kind) ? allow : deny(`only operators may ${operations[action]}`);

/** Whether `actor` may do `access`, and if not, why. */
// oxlint-disable-next-line complexity -- one line for each access there is
export const decide = (actor: Actor, access: Access): Decision => {
  switch (access.action) {
    case 'connect':
      return allow;
    case 'send':
      return decideSend(actor, access.addressed);
    case 'report_progress':
      return reporters.has(actor.principal.kind) ? allow : deny('only agents, tasks, and services can report progress');
    case 'see_connection':
      return decideSight(actor, access.principal);
    case 'manage_sessions':
    case 'manage_dead_letters':
    case 'manage_quotas':
      return decideOperation(actor, access.action);
    case 'read_kv':
    case 'write_kv':
      return decideState(actor, access.scope);
    case 'purge_kv':
      return decidePurge(actor, access.identity);
    case 'keep_checkpoints':
      return allow;
  }
};
