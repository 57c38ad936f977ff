/** Progress of work in flight, and the heartbeat of tasks. */
import {
  ProgressKind as WireKind,
  type ProgressReport as WireReport,
  type ProgressStep as WireStep,
  type ProgressUpdate as WireUpdate,
} from './gen/aether/v1/progress.ts';
import { inverse } from './words.ts';

/** What it is progress of: a conversation, the application's own work, or a task. */
export type ProgressKind = 'unspecified' | 'chat' | 'app' | 'task';

const kinds: Readonly<Record<ProgressKind, WireKind>> = {
  unspecified: WireKind.UNSPECIFIED,
  chat: WireKind.CHAT,
  app: WireKind.APP,
  task: WireKind.TASK,
};

const kindNames: ReadonlyMap<WireKind, ProgressKind> = inverse(kinds);

/** Where inside the work it is. */
export interface ProgressStep {
  readonly name: string;
  readonly detail?: string | undefined;
  /** Position of the step, from 1. */
  readonly sequence?: number | undefined;
  readonly totalSteps?: number | undefined;
  /** The application's classification. */
  readonly type?: string | undefined;
}

export interface ProgressReport {
  /** A task the sender works on: the report is its heartbeat too. */
  readonly taskId?: string | undefined;
  /** Free text, `running`, `waiting` … */
  readonly state?: string | undefined;
  /** 0 to 1. */
  readonly completion?: number | undefined;
  /** One line for people. */
  readonly summary?: string | undefined;
  readonly step?: ProgressStep | undefined;
  /** `us::{user}` or `us::{user}::{window}` for a user, an identity for one of the workspace; everyone by default. */
  readonly recipient?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly kind?: ProgressKind | undefined;
  /** Copied into the update. */
  readonly requestId?: string | undefined;
}

/** A report as it was delivered. The reporter itself gets none. */
export interface ProgressUpdate {
  /** Topic of the reporter, stamped by the gateway. */
  readonly source: string;
  readonly taskId: string | undefined;
  readonly state: string;
  readonly completion: number;
  readonly summary: string;
  readonly step: ProgressStep | undefined;
  readonly recipient: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly kind: ProgressKind;
  readonly requestId: string | undefined;
  /** The gateway's clock. */
  readonly timestamp: Date;
  readonly workspace: string | undefined;
}

export const toWireReport = (report: ProgressReport): WireReport => ({
  taskId: report.taskId ?? '',
  state: report.state ?? '',
  completion: report.completion ?? 0,
  summary: report.summary ?? '',
  step: report.step && toWireStep(report.step),
  recipient: report.recipient ?? '',
  requestId: report.requestId ?? '',
  metadata: new Map(Object.entries(report.metadata ?? {})),
  kind: kinds[report.kind ?? 'unspecified'],
});

const toWireStep = ({ name, detail = '', sequence = 0, totalSteps = 0, type = '' }: ProgressStep): WireStep => ({
  name,
  detail,
  sequence,
  totalSteps,
  stepType: type,
});

const orUndefined = (text: string): string | undefined => (text === '' ? undefined : text);

export const toProgressUpdate = (update: WireUpdate): ProgressUpdate => ({
  source: update.source,
  taskId: orUndefined(update.taskId),
  state: update.state,
  completion: update.completion,
  summary: update.summary,
  step: update.step && {
    name: update.step.name,
    detail: orUndefined(update.step.detail),
    sequence: update.step.sequence || undefined,
    totalSteps: update.step.totalSteps || undefined,
    type: orUndefined(update.step.stepType),
  },
  recipient: orUndefined(update.recipient),
  metadata: Object.fromEntries(update.metadata),
  kind: kindNames.get(update.kind) ?? 'unspecified',
  requestId: orUndefined(update.requestId),
  timestamp: new Date(Number(update.timestampMs)),
  workspace: orUndefined(update.workspace),
});

/** What an update costs while it waits to be taken. */
export const progressBytes = ({ summary }: ProgressUpdate): number => summary.length + 1024;
