import { setTimeout as delay } from 'node:timers/promises';

/** What is awaited, or `undefined` if it takes longer than that or the signal aborts. */
export const within = async <Result>(
  ms: number,
  awaited: Promise<Result>,
  signal?: AbortSignal,
): Promise<Result | undefined> => {
  const done = new AbortController();
  const either = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  const late = delay(ms, undefined, { signal: either }).catch(() => undefined);
  try {
    return await Promise.race([awaited, late]);
  } finally {
    done.abort();
  }
};
