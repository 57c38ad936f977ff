import { afterAll, expect } from 'vitest';

/** Fails a test file in which a promise was rejected and nobody handled it. */
export const failOnUnhandledRejections = (): void => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  afterAll(async () => {
    // Rejections nobody handles are told a turn after the rejection.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
};
