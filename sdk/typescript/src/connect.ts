/** One function for each principal: connects, and resolves once the gateway has acknowledged. */
import { AgentClient } from './agent-client.ts';
import { BridgeClient } from './bridge-client.ts';
import { type ConnectOptions, resolve } from './connect-options.ts';
import {
  agentClaim,
  bridgeClaim,
  type Claim,
  metricsBridgeClaim,
  orchestratorClaim,
  serviceClaim,
  taskClaim,
  userClaim,
  workflowEngineClaim,
} from './identity.ts';
import { Link } from './link.ts';
import { MetricsBridgeClient } from './metrics-bridge-client.ts';
import { OrchestratorClient } from './orchestrator-client.ts';
import { ServiceClient } from './service-client.ts';
import { TaskClient } from './task-client.ts';
import { UserClient } from './user-client.ts';
import { WorkflowEngineClient } from './workflow-engine-client.ts';

const open = (claim: Claim, options: ConnectOptions): Promise<Link> => Link.open(claim, resolve(options));

export interface AgentOptions extends ConnectOptions {
  readonly workspace: string;
  /** Which program it is. */
  readonly implementation: string;
  /** Tells instances of one implementation apart. */
  readonly specifier: string;
}

/** Connects a long-running worker of a workspace. */
export const connectAgent = async (options: AgentOptions): Promise<AgentClient> =>
  new AgentClient(await open(agentClaim(options), options), options);

export interface TaskOptions extends ConnectOptions {
  readonly workspace: string;
  readonly implementation: string;
  /** Without one the gateway makes it up, and the task also competes for what is sent to the implementation's workers. */
  readonly specifier?: string | undefined;
}

/** Connects a worker that lives as long as one piece of work. */
export const connectTask = async (options: TaskOptions): Promise<TaskClient> =>
  new TaskClient(await open(taskClaim(options), options), options);

export interface UserOptions extends ConnectOptions {
  readonly userId: string;
  /** Tells windows, tabs and devices of one user apart. */
  readonly windowId?: string | undefined;
  /** Entered at once; none by default. */
  readonly workspace?: string | undefined;
}

/** Connects one window of a person. */
export const connectUser = async (options: UserOptions): Promise<UserClient> => {
  const user = new UserClient(await open(userClaim(options), options), options);
  if (options.workspace === undefined) return user;
  try {
    await user.switchWorkspace(options.workspace, { signal: options.signal });
    return user;
  } catch (thrown) {
    await user.close({ signal: AbortSignal.abort() }).catch(() => undefined);
    throw thrown;
  }
};

export interface ServiceOptions extends ConnectOptions {
  readonly implementation: string;
  readonly specifier: string;
  /** True: is not offered the pool tasks of its implementation. */
  readonly noPoolConsumer?: boolean | undefined;
}

/** Connects a shared backend. */
export const connectService = async (options: ServiceOptions): Promise<ServiceClient> =>
  new ServiceClient(await open(serviceClaim(options, options.noPoolConsumer ?? false), options));

export interface BridgeOptions extends ConnectOptions {
  readonly implementation: string;
  readonly specifier: string;
}

/** Connects a bridge to another messaging system. */
export const connectBridge = async (options: BridgeOptions): Promise<BridgeClient> =>
  new BridgeClient(await open(bridgeClaim(options), options));

export interface OrchestratorOptions extends ConnectOptions {
  readonly implementation: string;
  /** Made up by the gateway where it is left out. */
  readonly specifier?: string | undefined;
  /** Launch profiles it can serve. */
  readonly supportedProfiles?: readonly string[] | undefined;
}

/** Connects an orchestrator, which starts compute. */
export const connectOrchestrator = async (options: OrchestratorOptions): Promise<OrchestratorClient> => {
  const claim = orchestratorClaim({ ...options, supportedProfiles: options.supportedProfiles ?? [] });
  return new OrchestratorClient(await open(claim, options));
};

/** Connects the workflow engine. */
export const connectWorkflowEngine = async (options: ConnectOptions = {}): Promise<WorkflowEngineClient> =>
  new WorkflowEngineClient(await open(workflowEngineClaim, options));

/** Connects the metrics bridge. */
export const connectMetricsBridge = async (options: ConnectOptions = {}): Promise<MetricsBridgeClient> =>
  new MetricsBridgeClient(await open(metricsBridgeClaim, options));
