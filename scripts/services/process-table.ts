/**
 * The processes of this machine: /proc where there is one, `ps` elsewhere (macOS).
 *
 * `started` tells apart two processes that had the same id one after the other: ticks since boot together with the
 * boot's id on Linux, the date of the start from `ps`. The command line would not do: a script that ends in `exec`, as
 * RabbitMQ's does, changes it under way.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export type Condition = 'running' | 'paused' | 'ended';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly condition: Condition;
  readonly started: string;
}

export interface ProcessTable {
  row(pid: number): ProcessRow | undefined;
  rows(): ProcessRow[];
}

/** A zombie has ended; it only waits for a parent that may never ask. */
const conditions: Readonly<Record<string, Condition>> = {
  T: 'paused',
  t: 'paused',
  Z: 'ended',
  X: 'ended',
  x: 'ended',
};

const conditionOf = (letter: string): Condition => conditions[letter] ?? 'running';

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Reads proc(5)'s stat line. The command's name stands in brackets and may itself hold brackets and blanks. A process
 * is a zombie as soon as its first thread is; while it has others, these still hold its files and ports.
 */
function rowFromStat(pid: number, stat: string, bootId: string): ProcessRow {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [letter = '', parent] = fields;
  const threads = Number(fields[17]);
  const condition = letter === 'Z' && threads > 1 ? 'running' : conditionOf(letter);
  return { pid, parent: Number(parent), condition, started: `${bootId} ${fields[19]}` };
}

export function openProcTable(): ProcessTable {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const row = (pid: number) => {
    const stat = readStat(pid);
    return stat === undefined ? undefined : rowFromStat(pid, stat, bootId);
  };
  return {
    row,
    rows: () =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((name) => row(Number(name)) ?? []),
  };
}

function rowFromPs(line: string): ProcessRow | undefined {
  const [, pid, parent, letter, started] = /^\s*(\d+)\s+(\d+)\s+(\S)\S*\s+(.+?)\s*$/.exec(line) ?? [];
  if (letter === undefined || started === undefined) return undefined;
  return { pid: Number(pid), parent: Number(parent), condition: conditionOf(letter), started };
}

function ps(...selection: string[]): ProcessRow[] {
  const { stdout, error } = spawnSync('ps', [...selection, '-o', 'pid=,ppid=,stat=,lstart='], {
    encoding: 'utf8',
    // lstart is written in the reader's zone and language; a record has to read the same from another terminal.
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  if (error !== undefined) throw new Error('ps cannot be run', { cause: error });
  return stdout.split('\n').flatMap((line) => rowFromPs(line) ?? []);
}

export const psTable: ProcessTable = { row: (pid) => ps('-p', String(pid))[0], rows: () => ps('-A') };

export const processTable: ProcessTable = existsSync('/proc/self/stat') ? openProcTable() : psTable;
