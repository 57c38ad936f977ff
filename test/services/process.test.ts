import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  conditionOf,
  endProcess,
  isAlive,
  killProcess,
  ownIdentity,
  type ProcessRecord,
  pauseProcess,
  resumeProcess,
  stopProcess,
  treeOf,
} from '../../scripts/services/process.ts';
import { processTable, psTable } from '../../scripts/services/process-table.ts';

/** By default a shell that waits for a child of its own. */
async function startShell(script = 'sleep 600 & echo; wait'): Promise<ProcessRecord & { child: ChildProcess }> {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const started = processTable.row(pid)?.started ?? '';
  return { role: 'shell', pid, started, endSignal: 'SIGTERM', child };
}

/** The record of a process of the past whose id the shell's process has now. */
const recycled = (record: ProcessRecord): ProcessRecord => ({ ...record, started: `${record.started}0` });

describe('a process whose id has gone to another', () => {
  it('counts as ended', async () => {
    const shell = await startShell();
    expect(conditionOf(shell)).toBe('running');
    expect(conditionOf(recycled(shell))).toBe('ended');
    expect(treeOf(recycled(shell))).toEqual([]);
  });

  it.each([
    ['end', endProcess],
    ['kill', killProcess],
    ['stop', (record: ProcessRecord) => stopProcess(record, 'SIGKILL')],
    ['pause', pauseProcess],
  ])('gets no signal by %s', async (_, act) => {
    const shell = await startShell();
    await act(recycled(shell));
    expect(shell.child.killed).toBe(false);
    expect(conditionOf(shell)).toBe('running');
  });
});

describe('a process of ours', () => {
  it('is killed with what it started', async () => {
    const shell = await startShell();
    const tree = treeOf(shell);
    expect(tree).toHaveLength(2);
    await killProcess(shell);
    expect(tree.filter(isAlive)).toEqual([]);
  });

  it('is paused and resumed with what it started', async () => {
    const shell = await startShell();
    await pauseProcess(shell);
    expect(treeOf(shell).map(conditionOf)).toEqual(['paused', 'paused']);
    resumeProcess(shell);
    await expect.poll(() => treeOf(shell).map(conditionOf)).toEqual(['running', 'running']);
  });

  it('is stopped though it is paused', async () => {
    const shell = await startShell('echo; exec sleep 600');
    await pauseProcess(shell);
    await stopProcess(shell, 'SIGTERM');
    expect(isAlive(shell)).toBe(false);
  });
});

describe('the process table', () => {
  it('says of a process the same by /proc and by ps', async () => {
    const shell = await startShell();
    const { started: _, ...row } = psTable.row(shell.pid) ?? {};
    expect(processTable.row(shell.pid)).toMatchObject(row);
    expect(row).toMatchObject({ pid: shell.pid, parent: process.pid, condition: 'running' });
    expect(psTable.row(shell.pid)).toEqual(psTable.row(shell.pid));
    expect(psTable.rows()).toContainEqual(psTable.row(process.pid));
  });

  it('knows this process', () => {
    expect(ownIdentity().pid).toBe(process.pid);
    expect(isAlive(ownIdentity())).toBe(true);
  });
});
