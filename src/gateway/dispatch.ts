/** Which handler takes which frame: one line each. Answers with a promise only where the next frame must wait. */
import { FabricError } from '../model/error.ts';
import type { ClientSession } from './client-session.ts';
import { decodeUpstream } from './codec/upstream.ts';
import { handleConnectionStatus } from './handlers/connection-status.ts';
import { refuseNotImplemented } from './handlers/not-implemented.ts';
import { handleProgress } from './handlers/progress.ts';
import { handleSend } from './handlers/send.ts';
import { handleSendBatch } from './handlers/send-batch.ts';
import { handleSessions } from './handlers/sessions.ts';
import { handleSwitchWorkspace } from './handlers/switch-workspace.ts';

// oxlint-disable-next-line complexity -- one line for each frame there is
export const dispatch = (client: ClientSession, bytes: Uint8Array): Promise<void> | undefined => {
  const frame = decodeUpstream(bytes);
  switch (frame.$case) {
    case 'init':
      throw new FabricError('INIT_REPEATED', 'InitConnection already sent');
    case 'send':
      return handleSend(client, frame.value);
    case 'sendBatch':
      return handleSendBatch(client, frame.value);
    case 'progress':
      return handleProgress(client, frame.value);
    case 'switchWorkspace':
      return handleSwitchWorkspace(client, frame.value);
    case 'connectionStatusRequest':
      return handleConnectionStatus(client, frame.value);
    case 'sessionOp':
      return handleSessions(client, frame.value);
    case 'unknown':
    case 'kvOp':
    case 'checkpointOp':
    case 'createTask':
    case 'taskQuery':
    case 'taskOp':
    case 'taskSubscriptionOp':
    case 'workspaceOp':
    case 'agentOp':
    case 'aclOp':
    case 'adminQuery':
    case 'tokenOp':
    case 'auditQuery':
    case 'submitAuditEvent':
    case 'workflowOp':
    case 'workflowResponse':
    case 'authorityGrantOp':
    case 'resolveAuthorityRequest':
    case 'authorityRequestOp':
    case 'accessCheck':
    case 'batchAccessCheck':
    case 'proxyHttpRequest':
    case 'proxyHttpResponse':
    case 'proxyHttpBodyChunk':
    case 'tunnelOpen':
    case 'tunnelData':
    case 'tunnelClose':
    case 'tunnelAck':
      refuseNotImplemented(client, frame);
      return undefined;
  }
};
