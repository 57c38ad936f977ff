/** Which handler takes which frame: one line each. Answers with a promise only where the next frame must wait. */
import { FabricError } from '../model/error.ts';
import type { ClientSession } from './client-session.ts';
import { decodeUpstream, type Upstream } from './codec/upstream.ts';
import type { Frame } from './frame-stream.ts';
import { handleAck } from './handlers/ack.ts';
import { handleCheckpoint } from './handlers/checkpoint.ts';
import { handleConnectionStatus } from './handlers/connection-status.ts';
import { handleDeadLetters } from './handlers/dead-letters.ts';
import { handleKv } from './handlers/kv.ts';
import { handleLargeSend } from './handlers/large-send.ts';
import { refuseNotImplemented } from './handlers/not-implemented.ts';
import { handleProgress } from './handlers/progress.ts';
import { handleQuotas } from './handlers/quotas.ts';
import { handleReceiptQuery } from './handlers/receipts.ts';
import { handleSend } from './handlers/send.ts';
import { handleSendBatch } from './handlers/send-batch.ts';
import { handleSessions } from './handlers/sessions.ts';
import { handleSwitchWorkspace } from './handlers/switch-workspace.ts';

/** Operations on key-value state overlap each other; whatever else comes waits for them, so that it happens after. */
export const dispatch = (client: ClientSession, bytes: Frame): Promise<void> | undefined => {
  const frame = decodeUpstream(bytes);
  return frame.$case === 'kvOp' || client.answers.isIdle ? handle(client, frame) : handleAfter(client, frame);
};

const handleAfter = async (client: ClientSession, frame: Upstream): Promise<void> => {
  await client.answers.settled();
  if (!client.session.isCurrent()) throw new FabricError('LEASE_LOST', 'the lease could not be renewed in time');
  await handle(client, frame);
};

// oxlint-disable-next-line complexity -- one line for each frame there is
const handle = (client: ClientSession, frame: Upstream): Promise<void> | undefined => {
  switch (frame.$case) {
    case 'init':
      throw new FabricError('INIT_REPEATED', 'InitConnection already sent');
    case 'send':
      return handleSend(client, frame.value);
    case 'largeSend':
      return handleLargeSend(client, frame.value);
    case 'sendBatch':
      return handleSendBatch(client, frame.value);
    case 'receiptQuery':
      return handleReceiptQuery(client, frame.value);
    case 'ackDeliveries':
      return handleAck(client, frame.value);
    case 'deadLetterOp':
      return handleDeadLetters(client, frame.value);
    case 'quotaOp':
      return handleQuotas(client, frame.value);
    case 'progress':
      return handleProgress(client, frame.value);
    case 'switchWorkspace':
      return handleSwitchWorkspace(client, frame.value);
    case 'connectionStatusRequest':
      return handleConnectionStatus(client, frame.value);
    case 'sessionOp':
      return handleSessions(client, frame.value);
    case 'kvOp':
      return handleKv(client, frame.value);
    case 'checkpointOp':
      return handleCheckpoint(client, frame.value);
    case 'unknown':
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
      return refuseNotImplemented(client, frame);
  }
};
