import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Child processes that end with this one, however it ends short of SIGKILL. */
const living = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export const endWithUs = (child: ChildProcess): void => {
  living.add(child);
  child.once('exit', () => living.delete(child));
};

/** Resolves once it has ended. Nothing it holds is worth a graceful end. */
export const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
};
