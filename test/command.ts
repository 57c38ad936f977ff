/** Commands as users run them, each in a process group of its own so that nothing of it is left. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly log: string;
}

export class Command implements AsyncDisposable {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #firstLine: Promise<unknown[]>;

  constructor(program: string, args: readonly string[], { cwd, env = process.env }: CommandOptions) {
    this.#child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const { stdout, stderr } = this.#child;
    this.#firstLine = once(createInterface(stdout), 'line');
    this.ended = Promise.all([once(this.#child, 'close'), text(stdout), text(stderr)]).then(([, out, log]) => ({
      exitCode: this.#child.exitCode,
      out,
      log,
    }));
  }

  /** The first line of its standard output. */
  async line(): Promise<string> {
    const first = await Promise.race([this.#firstLine, this.ended]);
    if (Array.isArray(first)) return String(first[0]);
    throw new Error(`it ended with ${first.exitCode} and said nothing but: ${first.log}`);
  }

  /** Ends it, and what it has started, if that has not happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    await this.ended;
  }
}

/** Runs a command to its end. */
export const runCommand = async (program: string, args: readonly string[], options: CommandOptions): Promise<Ended> => {
  await using command = new Command(program, args, options);
  return await command.ended;
};

/** The JSON objects of an output with one a line. */
export const jsonLines = <T>(out: string): T[] =>
  out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
