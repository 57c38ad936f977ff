import { setTimeout as delay } from 'node:timers/promises';

const everyMs = 20;

/** Waits until `condition` holds; answers `false` if it does not within `timeoutMs`. */
export async function holdsWithin(
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await delay(everyMs, undefined, { signal });
  }
  return true;
}
