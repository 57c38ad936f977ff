import {
  type ConnectionFilter,
  type ConnectionInfo,
  SessionOperation_OpType as Op,
  type SessionOperation,
  type SessionOperationResponse,
} from '../../gen/aether/v1/admin.ts';
import { PrincipalType } from '../../gen/aether/v1/principal.ts';
import { FabricError } from '../../model/error.ts';
import { pageSizeMax } from '../../model/limits.ts';
import { type PrincipalKind, parseIdentity, workspaceOf } from '../../model/principal.ts';
import type { Presence } from '../../presence/presence.ts';
import type { Online } from '../../presence/session.ts';
import type { ClientSession } from '../client-session.ts';

const principalTypes = {
  agent: PrincipalType.PRINCIPAL_AGENT,
  task: PrincipalType.PRINCIPAL_TASK,
  user: PrincipalType.PRINCIPAL_USER,
  orchestrator: PrincipalType.PRINCIPAL_ORCHESTRATOR,
  workflow_engine: PrincipalType.PRINCIPAL_WORKFLOW_ENGINE,
  metrics_bridge: PrincipalType.PRINCIPAL_METRICS_BRIDGE,
  bridge: PrincipalType.PRINCIPAL_BRIDGE,
  service: PrincipalType.PRINCIPAL_SERVICE,
} as const satisfies Record<PrincipalKind, PrincipalType>;

const defaultLimit = 100;

type Answer = Partial<SessionOperationResponse>;

/** Lists the sessions of all gateways, shows one, or ends one. */
export const handleSessions = async (client: ClientSession, operation: SessionOperation): Promise<void> => {
  const verdict = await client.permit({ action: 'manage_sessions' });
  const answer =
    'denial' in verdict ? { error: `permission denied: ${verdict.denial.because}` } : await perform(client, operation);
  client.reply({ $case: 'sessionResponse', value: { ...nothing, ...answer, requestId: operation.requestId } });
  if ('denial' in verdict)
    client.refuse(new FabricError('ERR_PERMISSION_DENIED', verdict.denial.because), operation.requestId);
};

const nothing: SessionOperationResponse = {
  success: false,
  message: '',
  error: '',
  requestId: '',
  connection: undefined,
  connections: [],
  totalCount: 0,
};

const perform = async (client: ClientSession, operation: SessionOperation): Promise<Answer> => {
  const { presence, clock } = client.deps;
  switch (operation.op) {
    case Op.LIST:
      return list(presence, operation.filter, clock.now());
    case Op.GET: {
      const found = await findBySessionId(presence, operation.sessionId);
      return found === undefined ? notFound(operation) : { success: true, connection: toInfo(found, clock.now()) };
    }
    case Op.DISCONNECT: {
      const found = await findBySessionId(presence, operation.sessionId);
      if (found === undefined) return notFound(operation);
      await presence.kick(found, operation.reason || 'disconnected by administrator');
      return { success: true, message: `session ${found.sessionId} disconnected` };
    }
    default:
      return { error: `unknown session operation ${String(operation.op)}` };
  }
};

const notFound = ({ sessionId }: SessionOperation): Answer => ({ error: `session not found: ${sessionId}` });

const list = async (presence: Presence, filter: ConnectionFilter | undefined, nowMs: number): Promise<Answer> => {
  const limit = Math.min(filter?.limit || defaultLimit, pageSizeMax);
  const offset = Math.max(filter?.offset ?? 0, 0);
  const connections: ConnectionInfo[] = [];
  let totalCount = 0;
  for await (const online of presence.list('')) {
    const info = toInfo(online, nowMs);
    if (!matches(info, filter)) continue;
    if (totalCount >= offset && connections.length < limit) connections.push(info);
    totalCount += 1;
  }
  return { success: true, connections, totalCount };
};

const matches = (info: ConnectionInfo, filter: ConnectionFilter | undefined): boolean =>
  filter === undefined ||
  ((filter.type === PrincipalType.UNSPECIFIED || filter.type === info.type) &&
    (filter.workspace === '' || filter.workspace === info.workspace));

const findBySessionId = async (presence: Presence, sessionId: string): Promise<Online | undefined> => {
  for await (const online of presence.list('')) if (online.sessionId === sessionId) return online;
  return undefined;
};

const toInfo = (online: Online, nowMs: number): ConnectionInfo => {
  const principal = parseIdentity(online.identity);
  return {
    sessionId: online.sessionId,
    type: principal === undefined ? PrincipalType.UNSPECIFIED : principalTypes[principal.kind],
    identity: online.identity,
    workspace: (principal === undefined ? undefined : workspaceOf(principal)) ?? online.workspace,
    implementation: principal !== undefined && 'implementation' in principal ? principal.implementation : '',
    specifier: principal !== undefined && 'specifier' in principal ? principal.specifier : '',
    connectedAt: BigInt(Math.floor(online.connectedAtMs / 1000)),
    duration: `${Math.max(0, Math.round((nowMs - online.connectedAtMs) / 1000))}s`,
    remoteAddr: online.remoteAddress,
    lastActivity: 0n,
  };
};
