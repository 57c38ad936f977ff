import type { Verdict } from '../../acl/authorizer.ts';
import type { Access } from '../../acl/decide.ts';
import type { SendMessage } from '../../gen/aether/v1/message.ts';
import { MessageType } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { payloadBytesMax } from '../../model/limits.ts';
import { eventReceiver, metricReceiver } from '../../model/principal.ts';
import { stepOf } from '../../model/receipt.ts';
import { parseTopic, type Topic, topic } from '../../model/topic.ts';
import type { ClientSession, Target } from '../client-session.ts';
import { encodeDelivery } from '../codec/delivery.ts';
import { checkMetric } from './metric.ts';
import { idFault, trackingOf } from './tracking.ts';

const typeNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, number]) => [number, name.toLowerCase()]),
);

/** As it stands in metrics. */
export const messageTypeName = (type: number): string => typeNames.get(type) ?? 'unknown';

/**
 * Accepts one message: its topic, then its size, then how much its sender may send, then the sender's right, then its
 * contents are checked, in this order. Answers only when it refuses, with its place where it came in a batch. Waits only
 * where something has to be looked up, the log cannot keep up, or the client has asked to.
 */
export const handleSend = (client: ClientSession, send: SendMessage, place?: number): Promise<void> | undefined => {
  const target = isPlain(send) ? client.knownTarget(send.targetTopic) : undefined;
  if (target === undefined) return handleFirst(client, send, place);
  const verdict = sizeFault(send) ?? client.admit('message');
  if (verdict instanceof Promise) return handleLater(client, send, { place, verdict });
  const outcome = verdict ?? accept(client, send, target);
  return outcome instanceof FabricError ? refuseSend(client, outcome, { place, id: send.messageId }) : outcome;
};

interface Refused {
  /** In its batch. */
  readonly place: number | undefined;
  /** What its sender calls it. */
  readonly id: string;
}

/** Refuses one message. */
export const refuseSend = (client: ClientSession, error: FabricError, { place, id }: Refused): undefined => {
  client.refuse(
    place === undefined
      ? error
      : new FabricError(error.reason, `message ${place} of the batch: ${error.message}`, error),
    id.slice(0, echoedIdMax),
  );
};

/** A name that is too long need not be told back whole. */
const echoedIdMax = 256;

/** Whether the message carries nothing that needs more than a look at its topic. */
const isPlain = (send: SendMessage): boolean =>
  send.authorization === undefined &&
  send.checkedAccess === undefined &&
  send.authorityContinuation === undefined &&
  send.appWorkspace === '';

const accept = (
  client: ClientSession,
  send: SendMessage,
  { permit, stamp }: Target,
): Promise<void> | FabricError | undefined => {
  const fault = metricFault(send, permit.access.topic);
  if (fault !== undefined) return fault;
  const tracking = trackingOf(client, send);
  if (tracking instanceof FabricError) return tracking;
  const outage = client.outage(permit, tracking?.dueAtMs);
  if (outage !== undefined) return outage;
  client.countRouted(messageTypeName(send.messageType));
  return client.publish(permit, { frame: encodeDelivery(stamp, send.payload, send.messageType), ...tracking });
};

const sizeFault = ({ payload: { byteLength } }: SendMessage): FabricError | undefined => {
  if (byteLength <= payloadBytesMax) return undefined;
  return new FabricError(
    'ERR_PAYLOAD_TOO_LARGE',
    `message payload size ${byteLength} exceeds maximum of ${payloadBytesMax} bytes`,
  );
};

const metricFault = (send: SendMessage, target: Topic): FabricError | undefined =>
  send.messageType === MessageType.METRIC || target.kind === 'metric_receiver' ? checkMetric(send) : undefined;

/**
 * Whether messages of a type may pass to a topic unread, in runs and in pieces: metrics are looked into, and competing
 * work is shared out.
 */
export const passesUnread = (type: number, { kind }: Topic): boolean =>
  type !== MessageType.METRIC && kind !== 'metric_receiver' && kind !== 'task_workers';

const handleFirst = (
  client: ClientSession,
  send: SendMessage,
  place: number | undefined,
): Promise<void> | undefined => {
  const parsed = parseTopic(send.targetTopic);
  if ('fault' in parsed) return refuseSend(client, topicFault(parsed.fault), { place, id: send.messageId });
  const verdict = sizeFault(send) ?? client.admit('message');
  if (verdict instanceof Promise) return handleLater(client, send, { place, verdict });
  if (verdict !== undefined) return refuseSend(client, verdict, { place, id: send.messageId });
  return handleAdmitted(client, send, { addressed: parsed.topic, place });
};

const topicFault = (fault: string): FabricError =>
  new FabricError('ERR_INVALID_TOPIC', `invalid target topic: it ${fault}`);

/** What has to wait until it is admitted finds its target again: the client's rights may have changed. */
const handleLater = async (
  client: ClientSession,
  send: SendMessage,
  { place, verdict }: { readonly place: number | undefined; readonly verdict: Promise<FabricError | undefined> },
): Promise<void> => {
  const refusal = await verdict;
  if (refusal !== undefined) return refuseSend(client, refusal, { place, id: send.messageId });
  await handleAdmitted(client, send, { addressed: topic(send.targetTopic), place });
};

const handleAdmitted = (
  client: ClientSession,
  send: SendMessage,
  { addressed, place }: { readonly addressed: Topic; readonly place: number | undefined },
): Promise<void> | undefined => {
  const target = resolve(client, send, addressed);
  if (!(target instanceof Promise)) return acceptFirst(client, send, { target, place });
  return target.then((found) => acceptFirst(client, send, { target: found, place }));
};

const acceptFirst = (
  client: ClientSession,
  send: SendMessage,
  { target, place }: { readonly target: Resolved; readonly place: number | undefined },
): Promise<void> | undefined => {
  if (target instanceof FabricError) return refuseFirst(client, send, { error: target, place });
  if (isPlain(send) && target.permit.access.action === 'send' && target.permit.access.addressed.kind !== 'any_service')
    client.rememberTarget(send.targetTopic, target);
  const outcome = accept(client, send, target);
  return outcome instanceof FabricError ? refuseSend(client, outcome, { place, id: send.messageId }) : outcome;
};

/** A sender that named the message can ask later why it never came. */
const refuseFirst = (
  client: ClientSession,
  { messageId: id }: SendMessage,
  { error, place }: { readonly error: FabricError; readonly place: number | undefined },
): undefined => {
  refuseSend(client, error, { place, id });
  if (error.reason !== 'ERR_PERMISSION_DENIED' || id === '' || idFault(id) !== undefined) return;
  const receipt = { id, state: 'denied', atMs: client.deps.clock.now(), reason: error.message } as const;
  if (client.extensions.has('receipts')) client.deps.receipts.advance(stepOf(client.identity, receipt));
};

type Resolved = Target | FabricError;

/** At once, unless something has to be looked up for it. */
const resolve = (client: ClientSession, send: SendMessage, addressed: Topic): Resolved | Promise<Resolved> => {
  const unsupported = unsupportedFields(send);
  if (unsupported !== undefined) return unsupported;
  if (addressed.kind === 'any_service') return resolveService(client, send, addressed);
  return permitted(client, send, { addressed, reached: reach(addressed) });
};

const resolveService = async (client: ClientSession, send: SendMessage, addressed: Topic): Promise<Resolved> => {
  const instance = await client.deps.presence.anyInstanceOf(addressed.text.slice('sv::'.length));
  if (instance === undefined)
    return new FabricError('ERR_SV_UNAVAILABLE', `no instance of ${addressed.text} is connected`);
  return permitted(client, send, { addressed, reached: topic(instance) });
};

const permitted = (
  client: ClientSession,
  send: SendMessage,
  { addressed, reached }: { readonly addressed: Topic; readonly reached: Topic },
): Resolved | Promise<Resolved> => {
  const decide = (verdict: Verdict<SendAccess>): Resolved => {
    if ('denial' in verdict)
      return new FabricError(
        'ERR_PERMISSION_DENIED',
        `not authorized to send to topic ${addressed.text}: ${verdict.denial.because}`,
      );
    const workspace = send.appWorkspace || declaredWorkspace(addressed) || client.workspace;
    return { permit: verdict.permit, stamp: client.stamp(workspace ?? '') };
  };
  const verdict = client.permit<SendAccess>({ action: 'send', addressed, topic: reached });
  return verdict instanceof Promise ? verdict.then(decide) : decide(verdict);
};

type SendAccess = Extract<Access, { action: 'send' }>;

const unsupportedFields = (send: SendMessage): FabricError | undefined => {
  const onBehalf = send.authorization !== undefined && send.authorization.authorityMode === 'on_behalf_of';
  if (!onBehalf && send.checkedAccess === undefined && send.authorityContinuation === undefined) return undefined;
  return new FabricError('ERR_NOT_IMPLEMENTED', 'delegated authority and checked access are not available yet');
};

const declaredWorkspace = ({ kind, workspace }: Topic): string | undefined =>
  kind === 'event' || kind === 'metric' ? workspace : undefined;

/** Where a message to `addressed` goes. */
const reach = (addressed: Topic): Topic => {
  switch (addressed.kind) {
    case 'event':
      return topic(eventReceiver);
    case 'metric':
      return topic(metricReceiver);
    default:
      return addressed;
  }
};
