import { payloadBytesMax } from '../../model/limits.ts';
import type { ClientSession } from '../client-session.ts';
import { encodeLarge } from '../codec/delivery.ts';
import type { LargeSend } from '../codec/large-send.ts';
import { decodeUpstream } from '../codec/upstream.ts';
import { handleSend, messageTypeName, passesUnread } from './send.ts';

/** Passes a large message on in the pieces it came in, where nobody has to look into it. */
export const handleLargeSend = (client: ClientSession, large: LargeSend): Promise<void> | undefined => {
  const target = client.knownTarget(large.targetTopic);
  const isUnread = target !== undefined && passesUnread(large.messageType, target.permit.access.topic);
  const isFit = isUnread && large.payloadBytes <= payloadBytesMax && !client.isDown(target.permit);
  if (!isFit || !client.admitRun(1)) return handleWhole(client, large);
  client.countRouted(messageTypeName(large.messageType));
  return client.publish(target.permit, encodeLarge(target.stamp, large));
};

const handleWhole = (client: ClientSession, { rope }: LargeSend): Promise<void> | undefined => {
  const frame = decodeUpstream(rope.flat());
  return frame.$case === 'send' ? handleSend(client, frame.value) : undefined;
};
