import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { messageIdBytesMax, messageTtlMsMax } from '../../model/limits.ts';
import type { OutgoingMessage } from '../../router/router.ts';
import type { ClientSession } from '../client-session.ts';

type Tracked = OutgoingMessage['tracked'];

/** What is kept beside a message that has a name or an end; `undefined` for nearly all, which have neither. */
export const trackingOf = (client: ClientSession, send: SendMessage): Tracked | FabricError => {
  if (send.messageId === '' && send.ttlMs === 0n) return undefined;
  const fault = client.missing('receipts') ?? idFault(send.messageId) ?? ttlFault(send.ttlMs);
  if (fault !== undefined) return fault;
  return {
    owner: client.identity,
    id: send.messageId,
    expiresAtMs: send.ttlMs === 0n ? 0 : client.deps.clock.now() + Number(send.ttlMs),
    isPossibleDuplicate: false,
  };
};

/** Whether a name can be kept. */
export const idFault = (id: string): FabricError | undefined => {
  const bytes = Buffer.byteLength(id);
  if (bytes <= messageIdBytesMax) return undefined;
  return new FabricError('ERR_INVALID_ARGUMENT', `message_id has ${bytes} bytes, at most ${messageIdBytesMax}`);
};

const ttlFault = (ttlMs: bigint): FabricError | undefined => {
  if (ttlMs >= 0n && ttlMs <= messageTtlMsMax) return undefined;
  return new FabricError('ERR_INVALID_ARGUMENT', `ttl_ms is ${ttlMs}, must be 0 to ${messageTtlMsMax}`);
};
