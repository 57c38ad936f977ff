/** What processes use, as Linux tells it; NaN elsewhere. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { sum } from './statistics.ts';

const tickMs = 10;

/** All threads together. */
export const cpuMsOf = (pid: number): number => sum(timesOf(pid).slice(0, 2));

/** Of this process and of those it has started and seen the end of, and of theirs. */
const ownCpuMs = (): number => sum(timesOf(process.pid));

/** User and system time, and the same of children that have ended. */
const timesOf = (pid: number): readonly number[] => {
  const text = readProc(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].map((index) => Number(fields[index]) * tickMs);
};

const machineBusyMs = (): number => sum(cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq));

const othersCpuMs = (): number => machineBusyMs() - ownCpuMs();

/**
 * Starts watching what others do on the machine. To be asked when all children have ended: answers with the cores that
 * everybody else kept busy in the mean.
 */
export const watchOthers = (): (() => number) => {
  const [startedMs, before] = [performance.now(), othersCpuMs()];
  return () => (othersCpuMs() - before) / (performance.now() - startedMs);
};

export const residentBytesOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/status`))?.[1]) * 1024;

const readProc = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
