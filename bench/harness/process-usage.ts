/** What processes use, as Linux tells it; NaN elsewhere. */
import { readFileSync } from 'node:fs';

const tickMs = 10;

/** All threads together. */
export const cpuMsOf = (pid: number): number => {
  const text = readProc(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
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
