/** A command run to its end, as a user runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly log: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

export const runCommand = async (
  program: string,
  args: readonly string[],
  { cwd, env = process.env }: CommandOptions,
): Promise<Ended> => {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [, out, log] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { exitCode: child.exitCode, out, log };
};

/** The JSON objects of an output with one a line. */
export const jsonLines = <T>(out: string): T[] =>
  out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
