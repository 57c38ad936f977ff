import { setTimeout as delay } from 'node:timers/promises';

/** Looks again and again until it is so; for what a process of its own gives no event for. */
export const until = async (isSo: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadlineMs = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within 30 s`);
    await delay(20);
  }
};
