import type { LogWriter } from '../../ports/message-log.ts';

/** A writer that never has to stop; for what appends without a gateway's lease. */
export const memoryWriter = (name = 'memory'): LogWriter => ({
  name,
  isCurrent: () => true,
  lost: new AbortController().signal,
});
