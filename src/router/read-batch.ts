import type { Log } from '../ports/log.ts';
import type { LogEntry } from '../ports/message-log.ts';
import { RecordBatch } from './record-batch.ts';

/** A log entry as the readers hand it on. */
export interface ReadBatch {
  readonly offset: bigint;
  /** `undefined` where the entry was written by something else or is damaged: said once, then passed over. */
  readonly batch: RecordBatch | undefined;
  readonly bytes: number;
}

export const readBatch = (entry: LogEntry, log: Log): ReadBatch => {
  const bytes = entry.batch.byteLength;
  try {
    return { offset: entry.offset, batch: new RecordBatch(entry.batch), bytes };
  } catch (cause) {
    log.error('log entry cannot be read and is passed over', { offset: String(entry.offset), bytes, cause });
    return { offset: entry.offset, batch: undefined, bytes };
  }
};
