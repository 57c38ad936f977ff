/**
 * How many partitions a log has is written down in a stream of its own when it is created, as everybody has to agree on
 * it. Every gateway appends its layout under one fixed publisher reference and publishing id, of which the broker keeps
 * the first and drops the rest; then it reads which one that was. The log's name is settled along with it.
 */
import { FabricError } from '../../model/error.ts';
import type { LogLayout, LogReading } from '../../ports/message-log.ts';

export const layoutReference = 'layout';

export interface WrittenLayout extends LogLayout {
  /** Of whoever created the log; names it. */
  readonly id: string;
}

export const encodeLayout = ({ id, partitions, spread }: WrittenLayout): Buffer =>
  Buffer.from(JSON.stringify({ id, partitions, spread }), 'utf8');

/** The log's id. Throws `STORE_MISMATCH` where it was created with another layout. */
export const agreeOnLayout = async (
  reading: LogReading,
  { layout, name }: { layout: LogLayout; name: string },
): Promise<string> => {
  for await (const [first] of reading.entries) {
    if (first === undefined) continue;
    const written: Partial<WrittenLayout> = JSON.parse(Buffer.from(first.batch).toString('utf8'));
    if (written.partitions === layout.partitions && written.spread === layout.spread) return written.id ?? '';
    const [was, is] = [written, layout].map(({ partitions, spread }) => JSON.stringify({ partitions, spread }));
    throw new FabricError('STORE_MISMATCH', `message log ${name} was created with ${was}, configured is ${is}`);
  }
  throw new FabricError('STORE_UNAVAILABLE', `the layout of message log ${name} cannot be read`);
};
