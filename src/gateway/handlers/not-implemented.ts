/**
 * What belongs to parts that are still to come: answered with the operation's own response, unsuccessful, and then with
 * an error of the same request id, so that every published client's waiter settles.
 */
import { AccessCheckResponse, BatchAccessCheckResponse } from '../../gen/aether/v1/access.ts';
import { ACLResponse } from '../../gen/aether/v1/acl.ts';
import { AdminResponse } from '../../gen/aether/v1/admin.ts';
import { AgentResponse } from '../../gen/aether/v1/agent.ts';
import { AuditQueryResponse, SubmitAuditEventResponse } from '../../gen/aether/v1/audit.ts';
import { AuthorityGrantResponse, ResolveAuthorityResponse } from '../../gen/aether/v1/authority_grant.ts';
import { AuthorityRequestOperationResponse } from '../../gen/aether/v1/authority_request.ts';
import { TaskSubscriptionOperationResponse } from '../../gen/aether/v1/task_event.ts';
import { CreateTaskResponse, TaskOperationResponse, TaskQueryResponse } from '../../gen/aether/v1/task_operation.ts';
import { TokenResponse } from '../../gen/aether/v1/token.ts';
import { WorkflowResponse } from '../../gen/aether/v1/workflow.ts';
import { WorkspaceResponse } from '../../gen/aether/v1/workspace.ts';
import { FabricError } from '../../model/error.ts';
import type { ClientSession } from '../client-session.ts';
import type { Downstream } from '../codec/downstream.ts';
import type { Upstream } from '../codec/upstream.ts';

const empty = new Uint8Array();
const error = 'not implemented';
const errorCode = 'ERR_NOT_IMPLEMENTED';

type Failure = (requestId: string) => Downstream;

const failures: Partial<Record<Upstream['$case'], Failure>> = {
  createTask: (requestId) => ({
    $case: 'createTask',
    value: { ...CreateTaskResponse.decode(empty), errorCode, errorMessage: error, requestId },
  }),
  adminQuery: (requestId) => ({ $case: 'admin', value: { ...AdminResponse.decode(empty), error, requestId } }),
  taskQuery: (requestId) => ({ $case: 'taskQuery', value: { ...TaskQueryResponse.decode(empty), error, requestId } }),
  taskOp: (requestId) => ({ $case: 'taskOp', value: { ...TaskOperationResponse.decode(empty), error, requestId } }),
  workspaceOp: (requestId) => ({ $case: 'workspace', value: { ...WorkspaceResponse.decode(empty), error, requestId } }),
  agentOp: (requestId) => ({ $case: 'agent', value: { ...AgentResponse.decode(empty), error, requestId } }),
  aclOp: (requestId) => ({ $case: 'acl', value: { ...ACLResponse.decode(empty), error, requestId } }),
  workflowOp: (requestId) => ({
    $case: 'workflowResponse',
    value: { ...WorkflowResponse.decode(empty), error, requestId },
  }),
  tokenOp: (requestId) => ({ $case: 'token', value: { ...TokenResponse.decode(empty), error, requestId } }),
  auditQuery: (requestId) => ({
    $case: 'auditResponse',
    value: { ...AuditQueryResponse.decode(empty), error, requestId },
  }),
  authorityGrantOp: (requestId) => ({
    $case: 'authorityGrant',
    value: { ...AuthorityGrantResponse.decode(empty), error, requestId },
  }),
  resolveAuthorityRequest: (requestId) => ({
    $case: 'resolveAuthorityResponse',
    value: { ...ResolveAuthorityResponse.decode(empty), error, requestId },
  }),
  submitAuditEvent: (clientRequestId) => ({
    $case: 'submitAuditEventResponse',
    value: { ...SubmitAuditEventResponse.decode(empty), errorCode, errorMessage: error, clientRequestId },
  }),
  authorityRequestOp: (clientRequestId) => ({
    $case: 'authorityRequestResponse',
    value: { ...AuthorityRequestOperationResponse.decode(empty), error, clientRequestId },
  }),
  taskSubscriptionOp: (clientRequestId) => ({
    $case: 'taskSubscriptionResponse',
    value: { ...TaskSubscriptionOperationResponse.decode(empty), error, clientRequestId },
  }),
  accessCheck: (requestId) => ({
    $case: 'accessCheckResponse',
    value: { ...AccessCheckResponse.decode(empty), error, requestId },
  }),
  batchAccessCheck: (requestId) => ({
    $case: 'batchAccessCheckResponse',
    value: { ...BatchAccessCheckResponse.decode(empty), error, requestId },
  }),
};

/** Most requests carry an id under one of two names. */
const requestIdOf = (frame: Upstream): string => {
  if (frame.$case === 'unknown') return '';
  if ('requestId' in frame.value) return frame.value.requestId;
  return 'clientRequestId' in frame.value ? frame.value.clientRequestId : '';
};

/** The Python client waits for these without an id, and takes whatever answer of their kind comes next. */
const answeredWithoutId: ReadonlySet<Upstream['$case']> = new Set(['workspaceOp', 'agentOp', 'aclOp']);

export const refuseNotImplemented = (client: ClientSession, frame: Upstream): undefined => {
  const requestId = requestIdOf(frame);
  const failure = requestId === '' && !answeredWithoutId.has(frame.$case) ? undefined : failures[frame.$case];
  if (failure !== undefined) client.reply(failure(requestId));
  const what =
    frame.$case === 'unknown' ? 'the frame has no payload this gateway knows' : `${frame.$case} is not available yet`;
  client.refuse(new FabricError('ERR_NOT_IMPLEMENTED', what), requestId);
};
