import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { messageIdBytesMax, messageTtlMsMax } from '../../model/limits.ts';
import type { ClientSession } from '../client-session.ts';
import type { Sent } from '../send-lane.ts';

/** What is kept beside a message that has a name, an end, or a time to wait for. */
export type Tracking = Required<Pick<Sent, 'tracked' | 'dueAtMs'>>;

/** `undefined` for nearly all messages, which have none of these. */
export const trackingOf = (client: ClientSession, send: SendMessage): Tracking | FabricError | undefined => {
  const isDelayed = send.deliverAtUnixMs !== 0n || send.delayMs !== 0n;
  if (send.messageId === '' && send.ttlMs === 0n && !isDelayed) return undefined;
  const fault = client.missing('receipts') ?? idFault(send.messageId) ?? ttlFault(send.ttlMs);
  if (fault !== undefined) return fault;
  const nowMs = client.deps.clock.now();
  const dueAtMs = isDelayed ? dueAtOf(send, { nowMs, maxMs: client.deps.settings.delayMaxMs }) : undefined;
  if (dueAtMs instanceof FabricError) return dueAtMs;
  const tracked = {
    owner: client.identity,
    id: send.messageId,
    expiresAtMs: send.ttlMs === 0n ? 0 : (dueAtMs ?? nowMs) + Number(send.ttlMs),
    isPossibleDuplicate: false,
  };
  return { tracked, dueAtMs };
};

const dueAtOf = (
  { deliverAtUnixMs, delayMs }: SendMessage,
  { nowMs, maxMs }: { readonly nowMs: number; readonly maxMs: number },
): number | FabricError => {
  if (deliverAtUnixMs !== 0n && delayMs !== 0n) return refusal('deliver_at_unix_ms and delay_ms are both set');
  if (delayMs < 0n) return refusal(`delay_ms is ${delayMs}, must not be negative`);
  const dueAtMs = deliverAtUnixMs === 0n ? nowMs + Number(delayMs) : Number(deliverAtUnixMs);
  if (dueAtMs < nowMs) return refusal(`deliver_at_unix_ms is ${Math.ceil(nowMs - dueAtMs)} ms in the past`);
  if (dueAtMs - nowMs > maxMs)
    return refusal(`it is to be delivered in ${Math.ceil(dueAtMs - nowMs)} ms, at most ${maxMs} ms ahead`);
  return dueAtMs;
};

const refusal = (text: string): FabricError => new FabricError('ERR_INVALID_ARGUMENT', text);

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
