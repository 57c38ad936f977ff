/** Claims items and does nothing with them. Arguments: the address of the database, a topic, the claims' time to live. */
import { SqlWorkQueue } from '../../../../src/adapters/sql/sql-work-queue.ts';
import { systemClock } from '../../../../src/adapters/system/system-clock.ts';
import { openAt } from '../open-at.ts';
import { silentLog } from '../silent-log.ts';
import { print } from './print.ts';

const [address = '', topic = '', claimTtlMs] = process.argv.slice(2);

await using database = await openAt(address);
await using queue = await SqlWorkQueue.open(
  { claimTtlMs: Number(claimTtlMs), pollEveryMs: 50 },
  { database, clock: systemClock, log: silentLog },
);
const { signal } = new AbortController();
for await (const item of queue.consume(topic, { credit: 100, signal }))
  await print(`${Buffer.from(item.body).toString()} ${item.attempt}`);
