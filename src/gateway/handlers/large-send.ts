import { MessageType } from '../../gen/aether/v1/message.ts';
import { payloadBytesMax } from '../../model/limits.ts';
import type { Topic } from '../../model/topic.ts';
import type { ClientSession } from '../client-session.ts';
import { encodeLarge } from '../codec/delivery.ts';
import type { LargeSend } from '../codec/large-send.ts';
import { decodeUpstream } from '../codec/upstream.ts';
import { handleSend, messageTypeName } from './send.ts';

/** Passes a large message on in the pieces it came in, where nobody has to look into it. */
export const handleLargeSend = (client: ClientSession, large: LargeSend): Promise<void> | undefined => {
  const target = client.knownTarget(large.targetTopic);
  if (target === undefined || !isOpaque(large, target.permit.access.topic)) return handleWhole(client, large);
  client.countRouted(messageTypeName(large.messageType));
  return client.publish(target.permit, encodeLarge(target.stamp, large));
};

const isOpaque = ({ payloadBytes, messageType }: LargeSend, { kind }: Topic): boolean =>
  payloadBytes <= payloadBytesMax &&
  messageType !== MessageType.METRIC &&
  kind !== 'metric_receiver' &&
  kind !== 'task_workers';

const handleWhole = (client: ClientSession, { rope }: LargeSend): Promise<void> | undefined => {
  const frame = decodeUpstream(rope.flat());
  return frame.$case === 'send' ? handleSend(client, frame.value) : undefined;
};
