import type { ChildProcess } from 'node:child_process';

/** Ends the child when this process ends, however it does short of SIGKILL. */
export const endWithUs = (child: ChildProcess): void => {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
};
