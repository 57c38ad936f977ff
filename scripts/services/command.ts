import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { SystemUser } from './process.ts';

interface CommandOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly user?: SystemUser | undefined;
}

/** Runs a program that must not be broken off to its end, out of reach of a Ctrl-C at our terminal. */
export async function runApart(
  command: string,
  args: readonly string[],
  { environment, folder, user }: CommandOptions,
): Promise<void> {
  const child = spawn(command, args, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...user,
  });
  const [closed, ...output] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  if (closed[0] !== 0) throw new Error(`${[command, ...args].join(' ')} failed:\n${lastLines(output.join(''))}`);
}

export const lastLines = (output: string): string => output.trimEnd().split('\n').slice(-25).join('\n');
