/** Tells the stories of test/interop on a fabric, in Python. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Composition, Gateways } from './gateways.ts';

export interface StoriesOptions {
  readonly python: string;
  readonly composition: Composition;
  /** Arguments for pytest. */
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}

export const storiesFolder = fileURLToPath(new URL('../../test/interop/', import.meta.url));

/** Answers whether all of them passed; none at all is a failure. */
export async function tellStories(gateways: Gateways, options: StoriesOptions): Promise<boolean> {
  const { python, args, signal } = options;
  signal.throwIfAborted();
  // In a process group of its own, so that gateways that stories have started end with it, however it ends.
  const stories = spawn(python, ['-m', 'pytest', ...args], {
    cwd: storiesFolder,
    env: { ...process.env, ...gateways.environment, ...environmentOf(gateways, options) },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const interrupt = (): void => void stories.kill('SIGINT');
  signal.addEventListener('abort', interrupt);
  try {
    const [code]: unknown[] = await once(stories, 'exit');
    return code === 0;
  } finally {
    signal.removeEventListener('abort', interrupt);
    endGroup(stories.pid);
  }
}

const environmentOf = (gateways: Gateways, { composition }: StoriesOptions): NodeJS.ProcessEnv => ({
  AETHER_INTEROP_COMPOSITION: composition,
  AETHER_INTEROP_ADDRESSES: gateways.addresses.join(','),
  AETHER_INTEROP_GATEWAY_COMMAND: JSON.stringify(gateways.command),
  PYTHONDONTWRITEBYTECODE: '1',
});

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
