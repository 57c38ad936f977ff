/**
 * A started process and how it is ended. Every signal goes to an id whose start time still is the recorded one, so an
 * id that the system has given to another process meanwhile is never touched.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { holdsWithin } from './poll.ts';
import { type Condition, type ProcessRow, processTable } from './process-table.ts';

const graceMs = 20_000;
const killMs = 10_000;

export const endSignals = ['SIGTERM', 'SIGQUIT', 'SIGKILL'] as const;

export interface ProcessRecord {
  readonly role: string;
  readonly pid: number;
  readonly started: string;
  /** What ends it at once and leaves nothing behind; its data need not survive. */
  readonly endSignal: (typeof endSignals)[number];
}

export interface Program extends Pick<ProcessRecord, 'role' | 'endSignal'> {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly log: string;
  readonly user?: SystemUser | undefined;
  /** What makes it save its data and end. */
  readonly stopSignal: NodeJS.Signals;
}

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

type Identity = Pick<ProcessRecord, 'pid' | 'started'>;

/** Starts it in a session of its own: a Ctrl-C at our terminal is for us, who then end it in order. */
export async function startProcess(program: Program): Promise<ProcessRecord> {
  const log = openSync(program.log, 'a');
  const child = spawn(program.command, program.args, {
    cwd: program.folder,
    env: program.environment,
    stdio: ['ignore', log, log],
    detached: true,
    ...program.user,
  });
  closeSync(log);
  if (child.pid === undefined) {
    const [cause] = await once(child, 'error');
    throw new Error(`${program.command} cannot be started`, { cause });
  }
  child.unref();
  return recordOf(child.pid, program);
}

function recordOf(pid: number, { role, endSignal }: Program): ProcessRecord {
  const row = processTable.row(pid);
  if (row === undefined) throw new Error(`${role} ended at once`);
  return { role, pid, started: row.started, endSignal };
}

/** This process itself, as others may ask for it later. */
export function ownIdentity(): { pid: number; started: string } {
  const row = processTable.row(process.pid);
  if (row === undefined) throw new Error(`no process ${process.pid} in the process table`);
  return { pid: row.pid, started: row.started };
}

export function conditionOf({ pid, started }: Identity): Condition {
  const row = processTable.row(pid);
  return row?.started === started ? row.condition : 'ended';
}

export const isAlive = (process: Identity): boolean => conditionOf(process) !== 'ended';

/** Saves and ends it, by force if that takes too long. */
export async function stopProcess(record: ProcessRecord, by: NodeJS.Signals, signal?: AbortSignal): Promise<void> {
  const tree = treeOf(record);
  send(record, by);
  // A paused process hears of no other signal before this one.
  for (const member of tree) send(member, 'SIGCONT');
  if (!(await allEndWithin(graceMs, tree, signal))) await killProcess(record, signal);
}

/** Ends it and what it started, at once. */
export async function killProcess(record: ProcessRecord, signal?: AbortSignal): Promise<void> {
  const tree = treeOf(record);
  for (const member of tree) send(member, 'SIGKILL');
  if (await allEndWithin(killMs, tree, signal)) return;
  throw new Error(`${record.role} (process ${record.pid}) does not end by SIGKILL`);
}

export const endProcess = (record: ProcessRecord): Promise<void> =>
  record.endSignal === 'SIGKILL' ? killProcess(record) : stopProcess(record, record.endSignal);

/** For the last moment of our own process, when nothing can be waited for. */
export function endWithoutWaiting(record: ProcessRecord): void {
  send(record, record.endSignal);
  send(record, 'SIGCONT');
}

export async function pauseProcess(record: ProcessRecord, signal?: AbortSignal): Promise<void> {
  send(record, 'SIGSTOP');
  // Once it stands still it starts no further children that the tree would miss.
  await holdsWithin(killMs, () => conditionOf(record) !== 'running', signal);
  for (const member of treeOf(record)) send(member, 'SIGSTOP');
}

export function resumeProcess(record: ProcessRecord): void {
  for (const member of treeOf(record).toReversed()) send(member, 'SIGCONT');
}

/** The process and all it has started, itself first; empty once it has ended. */
export function treeOf(record: Identity): ProcessRow[] {
  const rows = processTable.rows().filter((row) => row.condition !== 'ended');
  const tree = rows.filter((row) => row.pid === record.pid && row.started === record.started);
  for (const member of tree) tree.push(...rows.filter((row) => row.parent === member.pid));
  return tree;
}

const allEndWithin = (ms: number, tree: readonly Identity[], signal: AbortSignal | undefined): Promise<boolean> =>
  holdsWithin(ms, () => !tree.some(isAlive), signal);

function send(target: Identity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if (isAlive(target)) throw error;
  }
}
