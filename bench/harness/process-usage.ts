/** What processes use, as Linux tells it; elsewhere nothing is known and nothing is shown. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { sum } from './statistics.ts';

const tickMs = 10;

const cpuOf = (path: string): number | undefined => {
  try {
    const text = readFileSync(path, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return undefined;
  }
};

/** All threads together. */
export const cpuMsOf = (pid: number): number | undefined => cpuOf(`/proc/${pid}/stat`);

/** The thread JavaScript runs on. */
export const mainThreadCpuMsOf = (pid: number): number | undefined => cpuOf(`/proc/${pid}/task/${pid}/stat`);

export const residentBytesOf = (pid: number): number | undefined => {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
};

/** What all cores have been busy with since the start. */
export const machineBusyMs = (): number =>
  sum(cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq));
