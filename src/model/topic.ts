import { identifierFault } from './identifier.ts';
import { separator } from './limits.ts';
import { eventReceiver, metricReceiver } from './principal.ts';

/**
 * An address people and programs send to. Grammar: a prefix and one to four segments, joined by `::`.
 *
 * | kind | text | reaches |
 * |---|---|---|
 * | `agent` | `ag::{workspace}::{implementation}::{specifier}` | one agent |
 * | `task` | `tu::…` or `ta::{workspace}::{implementation}::{specifier}` | one task |
 * | `task_workers` | `tb::{workspace}::{implementation}` | exactly one of the connected workers |
 * | `agents`, `users` | `ga::{workspace}`, `gu::{workspace}` | every agent, every person in the workspace |
 * | `user_window` | `us::{user}::{window}` | one window of a person |
 * | `user` | `uu::{user}` | all windows of a person |
 * | `user_workspace` | `uw::{user}::{workspace}` | the windows of a person that are in the workspace |
 * | `service`, `any_service` | `sv::{implementation}::{specifier}`, `sv::{implementation}` | one instance, any instance |
 * | `bridge` | `br::{implementation}::{specifier}` | one bridge |
 * | `event`, `metric` | `event::{workspace}`, `metric::{workspace}`; `*` or nothing for the sender's own | the workflow engine, the metrics bridge |
 * | `event_receiver`, `metric_receiver` | `event::receiver0`, `metric::receiver0` | where the above are gathered |
 * | `progress`, `user_progress` | `pg::{workspace}`, `pg::us::{user}` | who watches progress there |
 * | `task_events`, `task_messages` | `tk::{workspace}::task::{id}::events` or `::msg` | who follows the task |
 */
export type TopicKind =
  | 'agent'
  | 'task'
  | 'task_workers'
  | 'agents'
  | 'users'
  | 'user_window'
  | 'user'
  | 'user_workspace'
  | 'service'
  | 'any_service'
  | 'bridge'
  | 'event'
  | 'metric'
  | 'event_receiver'
  | 'metric_receiver'
  | 'progress'
  | 'user_progress'
  | 'task_events'
  | 'task_messages';

export interface Topic {
  readonly kind: TopicKind;
  /** Canonical text; equal texts are the same topic. */
  readonly text: string;
  /** The workspace the topic is in, where it is in one. `event::*` and `metric::*` are in the sender's: `undefined`. */
  readonly workspace: string | undefined;
  /** What decides, with the text, on the partition: the workspace, or the principal of a topic without one. */
  readonly home: string;
}

export type TopicResult = { readonly topic: Topic } | { readonly fault: string };

const fault = (text: string): TopicResult => ({ fault: text });
const join = (...parts: readonly string[]): string => parts.join(separator);

const inWorkspace = (kind: TopicKind, workspace: string, text: string): TopicResult => ({
  topic: { kind, text, workspace, home: workspace },
});
const ofPrincipal = (kind: TopicKind, home: string, text: string): TopicResult => ({
  topic: { kind, text, workspace: undefined, home },
});

interface Form {
  readonly segments: number;
  /** Index of the one segment that may be empty. */
  readonly optional?: number;
  readonly read: (segments: readonly string[], text: string) => TopicResult;
}

const workspaced = (kind: TopicKind, segments: number): Form => ({
  segments,
  read: ([workspace = ''], text) => inWorkspace(kind, workspace, text),
});

const receiver = /^receiver\d+$/;

/** `event` and `metric`: a workspace, the sender's own (`*` or nothing), or the gathering topic itself. */
const gathered = (kind: 'event' | 'metric', gatheringTopic: string): Form => ({
  segments: 1,
  optional: 0,
  read: ([segment = ''], text) => {
    if (segment === '' || segment === '*')
      return { topic: { kind, text: join(kind, '*'), workspace: undefined, home: gatheringTopic } };
    if (!receiver.test(segment)) return inWorkspace(kind, segment, text);
    return ofPrincipal(kind === 'event' ? 'event_receiver' : 'metric_receiver', text, text);
  },
});

const forms: Readonly<Record<string, readonly Form[]>> = {
  ag: [workspaced('agent', 3)],
  tu: [workspaced('task', 3)],
  ta: [
    {
      segments: 3,
      optional: 2,
      // A published client addresses "any worker" by leaving the specifier empty.
      read: ([workspace = '', implementation = '', specifier], text) =>
        specifier === ''
          ? inWorkspace('task_workers', workspace, join('tb', workspace, implementation))
          : inWorkspace('task', workspace, text),
    },
  ],
  tb: [workspaced('task_workers', 2)],
  ga: [workspaced('agents', 1)],
  gu: [workspaced('users', 1)],
  us: [{ segments: 2, optional: 1, read: ([user = ''], text) => ofPrincipal('user_window', join('us', user), text) }],
  uu: [{ segments: 1, read: ([user = ''], text) => ofPrincipal('user', join('us', user), text) }],
  uw: [{ segments: 2, read: ([, workspace = ''], text) => inWorkspace('user_workspace', workspace, text) }],
  sv: [
    { segments: 1, read: (_, text) => ofPrincipal('any_service', text, text) },
    { segments: 2, read: (_, text) => ofPrincipal('service', text, text) },
  ],
  br: [{ segments: 2, read: (_, text) => ofPrincipal('bridge', text, text) }],
  event: [gathered('event', eventReceiver)],
  metric: [gathered('metric', metricReceiver)],
  pg: [
    workspaced('progress', 1),
    {
      segments: 2,
      read: ([lane, user = ''], text) =>
        lane === 'us'
          ? ofPrincipal('user_progress', join('us', user), text)
          : fault('has two segments, of which the first must be "us"'),
    },
  ],
  tk: [
    {
      segments: 4,
      read: ([workspace = '', literal, , lane], text) => {
        if (literal !== 'task') return fault('must read tk::{workspace}::task::{id}::{events|msg}');
        if (lane === 'events') return inWorkspace('task_events', workspace, text);
        return lane === 'msg' ? inWorkspace('task_messages', workspace, text) : fault('must end in "events" or "msg"');
      },
    },
  ],
};

const segmentFault = (segments: readonly string[], form: Form): string | undefined => {
  for (const [index, segment] of segments.entries()) {
    if (index === form.optional && (segment === '' || segment === '*')) continue;
    const found = identifierFault(segment);
    if (found !== undefined) return `segment ${index + 1} ${found}`;
  }
  return undefined;
};

/** Reads a topic a client wrote; `fault` completes the sentence "the topic …". */
export const parseTopic = (text: string): TopicResult => {
  const [prefix = '', ...segments] = text.split(separator);
  const candidates = Object.hasOwn(forms, prefix) ? forms[prefix] : undefined;
  if (candidates === undefined) return fault(`has no known prefix (${Object.keys(forms).join(', ')})`);
  const form = candidates.find((candidate) => candidate.segments === segments.length);
  if (form === undefined)
    return fault(`needs ${candidates.map((candidate) => candidate.segments).join(' or ')} segments after "${prefix}"`);
  const found = segmentFault(segments, form);
  return found === undefined ? form.read(segments, text) : fault(found);
};

const known = (result: TopicResult): Topic => {
  if ('topic' in result) return result.topic;
  throw new TypeError(`not a topic: ${result.fault}`);
};

/** For topics the fabric makes itself out of checked parts. */
export const topic = (text: string): Topic => known(parseTopic(text));

export const workersTopic = (workspace: string, implementation: string): string =>
  join('tb', workspace, implementation);
export const agentsTopic = (workspace: string): string => join('ga', workspace);
export const usersTopic = (workspace: string): string => join('gu', workspace);
export const userTopic = (user: string): string => join('uu', user);
export const userWorkspaceTopic = (user: string, workspace: string): string => join('uw', user, workspace);
export const progressTopic = (workspace: string): string => join('pg', workspace);
export const userProgressTopic = (user: string): string => join('pg', 'us', user);

/** Whether each message to it goes to one recipient; of those to several no delivery is told. */
export const hasOneRecipient = ({ kind }: Pick<Topic, 'kind'>): boolean => oneRecipient.has(kind);

const oneRecipient: ReadonlySet<TopicKind> = new Set([
  'agent',
  'task',
  'task_workers',
  'user_window',
  'service',
  'bridge',
  'event_receiver',
  'metric_receiver',
]);
