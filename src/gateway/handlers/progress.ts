import type { ProgressReport, ProgressUpdate } from '../../gen/aether/v1/progress.ts';
import { FabricError } from '../../model/error.ts';
import { separator } from '../../model/limits.ts';
import { parseTopic, progressTopic, topic, userProgressTopic } from '../../model/topic.ts';
import type { ClientSession } from '../client-session.ts';
import { encodeDownstream } from '../codec/downstream.ts';

/** Sends progress to those who watch the workspace, or to the person it names. Answers only when it refuses. */
export const handleProgress = async (client: ClientSession, report: ProgressReport): Promise<void> => {
  const lane = laneOf(client, report.recipient);
  if (lane instanceof FabricError) return client.refuse(lane, report.requestId);
  const verdict = await client.permit({ action: 'report_progress', topic: topic(lane) });
  if ('denial' in verdict)
    return client.refuse(new FabricError('ERR_INVALID_PRINCIPAL', verdict.denial.because), report.requestId);
  const refusal = (await client.admit('progress report')) ?? client.outage(verdict.permit);
  if (refusal !== undefined) return client.refuse(refusal, report.requestId);
  const frame = encodeDownstream({ $case: 'progressUpdate', value: toUpdate(client, report) });
  await client.publish(verdict.permit, { frame, audience: { recipient: report.recipient } });
};

const laneOf = (client: ClientSession, recipient: string): string | FabricError => {
  const fault = recipient === '' ? undefined : recipientFault(recipient);
  if (fault !== undefined) return new FabricError('ERR_INVALID_TOPIC', `invalid progress recipient: it ${fault}`);
  const [prefix, user = ''] = recipient.split(separator);
  if (prefix === 'us') return userProgressTopic(user);
  if (client.workspace !== undefined) return progressTopic(client.workspace);
  return new FabricError('ERR_INVALID_ARGUMENT', 'progress from outside any workspace needs a person as its recipient');
};

/** A recipient is a topic, or `us::{user}` for all windows of a person. */
const recipientFault = (recipient: string): string | undefined => {
  const segments = recipient.split(separator);
  const result = parseTopic(segments[0] === 'us' && segments.length === 2 ? `${recipient}${separator}` : recipient);
  return 'fault' in result ? result.fault : undefined;
};

const toUpdate = (client: ClientSession, report: ProgressReport): ProgressUpdate => ({
  source: client.topic,
  taskId: report.taskId,
  state: report.state,
  completion: report.completion,
  summary: report.summary,
  step: report.step,
  timestampMs: BigInt(Math.floor(client.deps.clock.now())),
  workspace: client.workspace ?? '',
  requestId: report.requestId,
  metadata: report.metadata,
  recipient: report.recipient,
  kind: report.kind,
});
