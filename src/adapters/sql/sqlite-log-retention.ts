/**
 * Lets old entries go, one small step at a time: first those past their age, then, while the file holds more than it
 * may, the oldest of all. Their space is used again; the file shrinks only when much of it has become free.
 */
import type { LogRetention } from './sqlite-log-messages.ts';
import type { SqliteLogStore } from './sqlite-log-store.ts';

/** Free space is kept for what comes next, up to this much or a quarter of what is in use. */
const spareBytes = 64 * 1024 * 1024;
const spareShare = 0.25;

/** Does one step; answers whether there is more to do. */
export const retainStep = (store: SqliteLogStore, { ageMs, bytes }: LogRetention, nowMs: number): boolean => {
  const oldest = store.oldest();
  const { usedBytes, freeBytes } = store.space();
  if (oldest !== undefined && oldest.addedAtMs < nowMs - ageMs) store.trim(oldest.partition, nowMs - ageMs);
  else if (oldest !== undefined && usedBytes > bytes) store.trim(oldest.partition, Number.POSITIVE_INFINITY);
  else if (freeBytes > Math.max(spareBytes, usedBytes * spareShare)) store.shrink();
  else return false;
  return true;
};
