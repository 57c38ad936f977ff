/**
 * Topics: the addresses messages are sent to. The functions make them out of their parts, `parseTopic` takes them apart;
 * both hold to the gateway's own rules, so a topic made here is one it accepts.
 *
 * | function | text | reaches |
 * |---|---|---|
 * | `agentTopic` | `ag::{workspace}::{implementation}::{specifier}` | one agent |
 * | `taskTopic` | `tu::{workspace}::{implementation}::{specifier}` | one task |
 * | `taskWorkersTopic` | `tb::{workspace}::{implementation}` | exactly one of the connected workers |
 * | `agentsTopic`, `usersTopic` | `ga::{workspace}`, `gu::{workspace}` | every agent, every user in the workspace |
 * | `userWindowTopic` | `us::{user}::{window}` | one window of a user |
 * | `userTopic` | `uu::{user}` | all windows of a user |
 * | `userWorkspaceTopic` | `uw::{user}::{workspace}` | the windows of a user that are in the workspace |
 * | `serviceTopic`, `anyServiceTopic` | `sv::{implementation}::{specifier}`, `sv::{implementation}` | one instance, any one |
 * | `bridgeTopic` | `br::{implementation}::{specifier}` | one bridge |
 * | `eventTopic`, `metricTopic` | `event::{workspace}`, `metric::{workspace}` | the workflow engine, the metrics bridge |
 */
import { failure } from './error.ts';
import { identifierFault, separator } from './identifier.ts';

export type ParsedTopic =
  | { readonly kind: 'agent'; readonly workspace: string; readonly implementation: string; readonly specifier: string }
  /** `unique` tasks choose their specifier, the others are given one. */
  | {
      readonly kind: 'task';
      readonly workspace: string;
      readonly implementation: string;
      readonly specifier: string;
      readonly unique: boolean;
    }
  | { readonly kind: 'taskWorkers'; readonly workspace: string; readonly implementation: string }
  | { readonly kind: 'agents' | 'users' | 'progress'; readonly workspace: string }
  /** `window` is empty for a user connected without one. */
  | { readonly kind: 'userWindow'; readonly user: string; readonly window: string }
  | { readonly kind: 'user' | 'userProgress'; readonly user: string }
  | { readonly kind: 'userWorkspace'; readonly user: string; readonly workspace: string }
  | { readonly kind: 'service' | 'bridge'; readonly implementation: string; readonly specifier: string }
  | { readonly kind: 'anyService'; readonly implementation: string }
  /** Without a workspace: the sender's own. */
  | { readonly kind: 'event' | 'metric'; readonly workspace: string | undefined }
  /** Where the workflow engine and the metrics bridge send from. */
  | { readonly kind: 'eventReceiver' | 'metricReceiver' }
  | { readonly kind: 'taskEvents' | 'taskMessages'; readonly workspace: string; readonly taskId: string };

const make = (prefix: string, parts: Readonly<Record<string, string>>): string => {
  for (const [name, part] of Object.entries(parts)) {
    const fault = identifierFault(part);
    if (fault !== undefined) throw failure('INVALID_TOPIC', `${name} of a ${prefix}:: topic ${fault}`);
  }
  return [prefix, ...Object.values(parts)].join(separator);
};

export const agentTopic = (workspace: string, implementation: string, specifier: string): string =>
  make('ag', { workspace, implementation, specifier });

export const taskTopic = (workspace: string, implementation: string, specifier: string): string =>
  make('tu', { workspace, implementation, specifier });

export const taskWorkersTopic = (workspace: string, implementation: string): string =>
  make('tb', { workspace, implementation });

export const agentsTopic = (workspace: string): string => make('ga', { workspace });

export const usersTopic = (workspace: string): string => make('gu', { workspace });

/** Without a window: the user connected without one. */
export const userWindowTopic = (user: string, window: string): string =>
  window === '' ? `${make('us', { user })}${separator}` : make('us', { user, window });

export const userTopic = (user: string): string => make('uu', { user });

export const userWorkspaceTopic = (user: string, workspace: string): string => make('uw', { user, workspace });

export const serviceTopic = (implementation: string, specifier: string): string =>
  make('sv', { implementation, specifier });

export const anyServiceTopic = (implementation: string): string => make('sv', { implementation });

export const bridgeTopic = (implementation: string, specifier: string): string =>
  make('br', { implementation, specifier });

/** Without a workspace: the sender's own. */
export const eventTopic = (workspace?: string): string =>
  workspace === undefined ? `event${separator}*` : make('event', { workspace });

/** Without a workspace: the sender's own. */
export const metricTopic = (workspace?: string): string =>
  workspace === undefined ? `metric${separator}*` : make('metric', { workspace });

interface Form {
  readonly segments: number;
  /** Index of the one segment that may be empty or `*`. */
  readonly optional?: number;
  readonly read: (segments: readonly string[]) => ParsedTopic | undefined;
}

const receiver = /^receiver\d+$/;

const gathered = (kind: 'event' | 'metric'): Form => ({
  segments: 1,
  optional: 0,
  read: ([segment = '']) => {
    if (receiver.test(segment)) return { kind: `${kind}Receiver` };
    return { kind, workspace: segment === '' || segment === '*' ? undefined : segment };
  },
});

const task = (unique: boolean): Form['read'] => {
  return ([workspace = '', implementation = '', specifier = '']) => ({
    kind: 'task',
    workspace,
    implementation,
    specifier,
    unique,
  });
};

const forms: Readonly<Record<string, readonly Form[]>> = {
  ag: [
    {
      segments: 3,
      read: ([workspace = '', implementation = '', specifier = '']) => ({
        kind: 'agent',
        workspace,
        implementation,
        specifier,
      }),
    },
  ],
  tu: [{ segments: 3, read: task(true) }],
  ta: [{ segments: 3, read: task(false) }],
  tb: [
    {
      segments: 2,
      read: ([workspace = '', implementation = '']) => ({ kind: 'taskWorkers', workspace, implementation }),
    },
  ],
  ga: [{ segments: 1, read: ([workspace = '']) => ({ kind: 'agents', workspace }) }],
  gu: [{ segments: 1, read: ([workspace = '']) => ({ kind: 'users', workspace }) }],
  us: [{ segments: 2, optional: 1, read: ([user = '', window = '']) => ({ kind: 'userWindow', user, window }) }],
  uu: [{ segments: 1, read: ([user = '']) => ({ kind: 'user', user }) }],
  uw: [{ segments: 2, read: ([user = '', workspace = '']) => ({ kind: 'userWorkspace', user, workspace }) }],
  sv: [
    { segments: 1, read: ([implementation = '']) => ({ kind: 'anyService', implementation }) },
    {
      segments: 2,
      read: ([implementation = '', specifier = '']) => ({ kind: 'service', implementation, specifier }),
    },
  ],
  br: [
    { segments: 2, read: ([implementation = '', specifier = '']) => ({ kind: 'bridge', implementation, specifier }) },
  ],
  event: [gathered('event')],
  metric: [gathered('metric')],
  pg: [
    { segments: 1, read: ([workspace = '']) => ({ kind: 'progress', workspace }) },
    { segments: 2, read: ([lane, user = '']) => (lane === 'us' ? { kind: 'userProgress', user } : undefined) },
  ],
  tk: [
    {
      segments: 4,
      read: ([workspace = '', literal, taskId = '', lane]) => {
        if (literal !== 'task' || (lane !== 'events' && lane !== 'msg')) return undefined;
        return { kind: lane === 'events' ? 'taskEvents' : 'taskMessages', workspace, taskId };
      },
    },
  ],
};

/** The parts of a topic; `undefined` where the text is none. */
export const parseTopic = (text: string): ParsedTopic | undefined => {
  const [prefix = '', ...segments] = text.split(separator);
  const candidates = Object.hasOwn(forms, prefix) ? forms[prefix] : undefined;
  const form = candidates?.find((candidate) => candidate.segments === segments.length);
  if (form === undefined) return undefined;
  const isSound = segments.every(
    (segment, index) =>
      (index === form.optional && (segment === '' || segment === '*')) || identifierFault(segment) === undefined,
  );
  return isSound ? form.read(segments) : undefined;
};

const rememberedMax = 1024;

/** Checks the topics one client sends to, each once. */
export class CheckedTopics {
  readonly #sound = new Set<string>();

  /** Throws `INVALID_TOPIC`. */
  check(topic: string): void {
    if (this.#sound.has(topic)) return;
    if (typeof topic !== 'string' || parseTopic(topic) === undefined)
      throw failure('INVALID_TOPIC', `"${topic}" is not a topic; the functions agentTopic, taskTopic … make them`);
    if (this.#sound.size >= rememberedMax) this.#sound.clear();
    this.#sound.add(topic);
  }
}
