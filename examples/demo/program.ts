/** A program of this project in a process of its own, from the line in which it says that it is ready until it is ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Longer than a gateway drains. */
const patienceMs = 15_000;

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** The line it said when it was ready. */
  readonly ready: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the waiting for it; aborted if it ends by itself. */
  readonly ending: AbortController;
}

/** Starts a file of this project. What it writes to standard error is for the reader of the demo. */
export const startProgram = async (
  file: string,
  args: readonly string[],
  { env = {}, ending }: ProgramOptions,
): Promise<Program> => {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', `${root}${file}`, ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const onExit = (): void => ending.abort(new Error(`${[file, ...args].join(' ')} ended by itself`));
  child.once('exit', onExit);
  await using started = new AsyncDisposableStack();
  started.defer(() => {
    child.off('exit', onExit);
    return end(child);
  });
  const [ready] = await once(createInterface(child.stdout), 'line', { signal: ending.signal });
  const { pid } = child;
  if (pid === undefined || typeof ready !== 'string') throw new Error(`${file} did not start`);
  const running = started.move();
  return { pid, ready, [Symbol.asyncDispose]: () => running.disposeAsync() };
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const impatient = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await ended;
  clearTimeout(impatient);
};
