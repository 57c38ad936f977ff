import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Ends the child when this process ends, however it does short of SIGKILL. */
export const endWithUs = (child: ChildProcess): void => {
  living.add(child);
  child.once('exit', () => living.delete(child));
};
