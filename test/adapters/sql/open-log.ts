import type { LogRetention } from '../../../src/adapters/sql/sqlite-log-messages.ts';
import { defaultLogRetention, SqliteMessageLog } from '../../../src/adapters/sql/sqlite-message-log.ts';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { LogEntry, LogLayout, LogReading, MessageLog } from '../../../src/ports/message-log.ts';
import { silentLog } from './silent-log.ts';

interface Changes {
  readonly layout?: LogLayout;
  readonly retention?: LogRetention;
  readonly clock?: Clock;
}

export const testLayout: LogLayout = { partitions: 4, spread: 4 };

export const openLog = (
  path: string,
  { layout = testLayout, retention = defaultLogRetention, clock = systemClock }: Changes = {},
): Promise<SqliteMessageLog> => SqliteMessageLog.open({ path, layout, retention }, { clock, log: silentLog });

export const never = new AbortController().signal;

export const textOf = ({ batch }: LogEntry): string => Buffer.from(batch).toString();

export const append = (log: MessageLog, partition: number, text: string): Promise<void> =>
  log.append(partition, [Buffer.from(text)]);

/** Reads on until there are `count` entries. */
export const take = async (reading: LogReading, count: number): Promise<readonly LogEntry[]> => {
  const taken: LogEntry[] = [];
  if (count === 0) return taken;
  for await (const entries of reading.entries) {
    taken.push(...entries);
    if (taken.length >= count) break;
  }
  return taken;
};

/** Everything in a partition now, the oldest first. */
export const takeAll = async (log: MessageLog, partition: number): Promise<readonly LogEntry[]> => {
  const marker = `marker ${Math.random()}`;
  await append(log, partition, marker);
  await using reading = await log.read(partition, 0n, { signal: never });
  const taken: LogEntry[] = [];
  for await (const entries of reading.entries) {
    taken.push(...entries);
    const last = entries.at(-1);
    if (last !== undefined && textOf(last) === marker) break;
  }
  return taken.slice(0, -1);
};
