/**
 * How many partitions a log has is written down in a stream of its own when it is created, as everybody has to agree on
 * it. Every gateway appends its layout under one fixed publisher reference and publishing id, of which the broker keeps
 * the first and drops the rest; then it reads which one that was.
 */
import { FabricError } from '../../model/error.ts';
import type { LogLayout, LogReading } from '../../ports/message-log.ts';

export const layoutReference = 'layout';

export const encodeLayout = ({ partitions, spread }: LogLayout): Buffer =>
  Buffer.from(JSON.stringify({ partitions, spread }), 'utf8');

/** Throws `STORE_MISMATCH` where the log was created with another layout. */
export const checkLayout = async (
  reading: LogReading,
  { layout, name }: { layout: LogLayout; name: string },
): Promise<void> => {
  for await (const [first] of reading.entries) {
    if (first === undefined) continue;
    const written = Buffer.from(first.batch).toString('utf8');
    const wanted = encodeLayout(layout).toString('utf8');
    if (written === wanted) return;
    throw new FabricError('STORE_MISMATCH', `message log ${name} was created with ${written}, configured is ${wanted}`);
  }
};
