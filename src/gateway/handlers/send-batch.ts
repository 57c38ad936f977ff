import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { batchMessagesMax } from '../../model/limits.ts';
import type { ClientSession } from '../client-session.ts';
import { encodeRun } from '../codec/delivery.ts';
import { SendRun } from '../codec/send-run.ts';
import type { UpstreamBatch } from '../codec/upstream.ts';
import { handleSend, messageTypeName, passesUnread, refuseSend } from './send.ts';

/** Handles the messages of one frame in order, each accepted or refused by itself, as if it had come alone. */
export const handleSendBatch = async (client: ClientSession, batch: UpstreamBatch): Promise<void> => {
  const fault = faultOf(client, batch);
  if (fault !== undefined) return client.refuse(fault);
  let place = 0;
  for (const part of batch.parts) {
    const wait = part instanceof SendRun ? handleRun(client, part, place) : handleMember(client, part, place);
    if (wait !== undefined) await wait;
    place += part instanceof SendRun ? part.count : 1;
  }
};

const handleMember = (
  client: ClientSession,
  send: SendMessage | undefined,
  place: number,
): Promise<void> | undefined => {
  if (send === undefined) refuseSend(client, damaged, { place, id: '' });
  const wait = send && handleSend(client, send, place);
  return wait === undefined ? client.outbox.room : wait.then(() => client.outbox.room);
};

/** Goes as one where its topic is known to take it so, and all of it may be sent; its first message finds out. */
const handleRun = (client: ClientSession, run: SendRun, place: number): Promise<void> | undefined => {
  const target = client.knownTarget(run.targetTopic);
  const isUnread = target !== undefined && passesUnread(run.messageType, target.permit.access.topic);
  if (!isUnread || client.isDown(target.permit) || !client.admitRun(run.count)) return handleEach(client, run, place);
  client.countRouted(messageTypeName(run.messageType), run.count);
  return client.publish(target.permit, { frame: encodeRun(target.stamp, run), records: run.count });
};

const handleEach = async (client: ClientSession, run: SendRun, place: number): Promise<void> => {
  const wasKnown = client.knownTarget(run.targetTopic) !== undefined;
  for (let index = 0; index < run.count; index += 1) {
    await handleMember(client, run.message(index), place + index);
    const isFound = !wasKnown && client.knownTarget(run.targetTopic) !== undefined;
    if (isFound && index + 1 < run.count) return handleRun(client, run.from(index + 1), place + index + 1);
  }
};

const damaged = new FabricError('ERR_INVALID_ARGUMENT', 'it is not a SendMessage');

const faultOf = (client: ClientSession, { count }: UpstreamBatch): FabricError | undefined => {
  const needed = client.missing('batch');
  if (needed !== undefined) return needed;
  if (count <= batchMessagesMax) return undefined;
  return new FabricError('ERR_INVALID_ARGUMENT', `${count} messages in one frame, at most ${batchMessagesMax}`);
};
