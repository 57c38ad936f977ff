import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A test runner ends a worker that hangs by a signal, after which no `exit` is told unless somebody listens. */
const listen = (): void => {
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(143));
};

/** Ends the child when this process ends, however it does short of SIGKILL. */
export const endWithUs = (child: ChildProcess): void => {
  listen();
  living.add(child);
  child.once('exit', () => living.delete(child));
};
