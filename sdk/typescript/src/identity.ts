/**
 * Who a client is. The identity is a text, exclusive in the fabric; for most principals it is also the topic they are
 * reached at. Where the gateway makes up the specifier, both are known only once it has acknowledged.
 */
import { failure } from './error.ts';
import type { InitConnection } from './gen/aether/v1/connection.ts';
import { identifierFault, separator } from './identifier.ts';

export type PrincipalKind =
  | 'agent'
  | 'task'
  | 'user'
  | 'service'
  | 'bridge'
  | 'orchestrator'
  | 'workflowEngine'
  | 'metricsBridge';

export type ClientType = NonNullable<InitConnection['clientType']>;

/** What a principal claims, and how its identity reads. */
export interface Claim {
  readonly kind: PrincipalKind;
  /** What goes into the first frame of a connection; `assigned` is the specifier an earlier one was given. */
  readonly clientType: (assigned: string) => ClientType;
  /** Identity and topic; `assigned` is the specifier the gateway made up, where the claim leaves it open. */
  readonly identity: (assigned: string) => string;
  /** `undefined` where it has no topic. */
  readonly topic: (identity: string) => string | undefined;
  /** The workspace it is in by its identity. */
  readonly workspace: string | undefined;
}

const join = (...parts: readonly string[]): string => parts.join(separator);
const same = (identity: string): string => identity;

const checked = (parts: Readonly<Record<string, string>>): void => {
  for (const [name, part] of Object.entries(parts)) {
    const fault = identifierFault(part);
    if (fault !== undefined) throw failure('INVALID_IDENTITY', `${name} ${fault}`);
  }
};

interface Named {
  readonly implementation: string;
  readonly specifier: string;
}

export const agentClaim = ({ workspace, implementation, specifier }: Named & { readonly workspace: string }): Claim => {
  checked({ workspace, implementation, specifier });
  return {
    kind: 'agent',
    clientType: () => ({ $case: 'agent', value: { workspace, implementation, specifier } }),
    identity: () => join('ag', workspace, implementation, specifier),
    topic: same,
    workspace,
  };
};

interface NamedTask {
  readonly workspace: string;
  readonly implementation: string;
  readonly specifier?: string | undefined;
}

export const taskClaim = ({ workspace, implementation, specifier }: NamedTask): Claim => {
  checked({ workspace, implementation, ...(specifier === undefined ? {} : { specifier }) });
  // A task that was given its specifier asks for none again: resuming its session gives it back.
  const value = { workspace, implementation, uniqueSpecifier: specifier ?? '' };
  return {
    kind: 'task',
    clientType: () => ({ $case: 'task', value }),
    identity: (assigned) =>
      specifier === undefined
        ? join('ta', workspace, implementation, assigned)
        : join('tu', workspace, implementation, specifier),
    topic: same,
    workspace,
  };
};

interface NamedUser {
  readonly userId: string;
  readonly windowId?: string | undefined;
}

export const userClaim = ({ userId, windowId = '' }: NamedUser): Claim => {
  checked(windowId === '' ? { userId } : { userId, windowId });
  return {
    kind: 'user',
    clientType: () => ({ $case: 'user', value: { userId, windowId } }),
    identity: () => join('us', userId, windowId),
    topic: same,
    workspace: undefined,
  };
};

export const serviceClaim = ({ implementation, specifier }: Named, noPoolConsumer: boolean): Claim => {
  checked({ implementation, specifier });
  return {
    kind: 'service',
    clientType: () => ({ $case: 'service', value: { implementation, specifier, noPoolConsumer } }),
    identity: () => join('sv', implementation, specifier),
    topic: same,
    workspace: undefined,
  };
};

export const bridgeClaim = ({ implementation, specifier }: Named): Claim => {
  checked({ implementation, specifier });
  return {
    kind: 'bridge',
    clientType: () => ({ $case: 'bridge', value: { implementation, specifier } }),
    identity: () => join('br', implementation, specifier),
    topic: same,
    workspace: undefined,
  };
};

interface NamedOrchestrator {
  readonly implementation: string;
  readonly specifier?: string | undefined;
  readonly supportedProfiles: readonly string[];
}

export const orchestratorClaim = ({ implementation, specifier, supportedProfiles }: NamedOrchestrator): Claim => {
  checked({ implementation, ...(specifier === undefined ? {} : { specifier }) });
  return {
    kind: 'orchestrator',
    clientType: (assigned) => ({
      $case: 'orchestrator',
      value: { implementation, specifier: specifier ?? assigned, supportedProfiles: [...supportedProfiles] },
    }),
    identity: (assigned) => join('orc', implementation, specifier ?? assigned),
    topic: () => undefined,
    workspace: undefined,
  };
};

export const workflowEngineClaim: Claim = {
  kind: 'workflowEngine',
  clientType: () => ({ $case: 'workflowEngine', value: { instanceId: '' } }),
  identity: () => 'wfe::shard0',
  topic: () => 'event::receiver0',
  workspace: undefined,
};

export const metricsBridgeClaim: Claim = {
  kind: 'metricsBridge',
  clientType: () => ({ $case: 'metricsBridge', value: { instanceId: '' } }),
  identity: () => 'metrics::shard0',
  topic: () => 'metric::receiver0',
  workspace: undefined,
};
