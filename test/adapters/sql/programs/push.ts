/** Pushes without end and prints what has been accepted. Arguments: the address of the database, a topic. */
import { defaultWorkQueueOptions, SqlWorkQueue } from '../../../../src/adapters/sql/sql-work-queue.ts';
import { systemClock } from '../../../../src/adapters/system/system-clock.ts';
import { openAt } from '../open-at.ts';
import { silentLog } from '../silent-log.ts';
import { print } from './print.ts';

const [address = '', topic = ''] = process.argv.slice(2);
const inFlight = 20;

await using database = await openAt(address);
await using queue = await SqlWorkQueue.open(defaultWorkQueueOptions, { database, clock: systemClock, log: silentLog });
for (let number = 0; ; number += inFlight)
  await Promise.all(
    Array.from({ length: inFlight }, async (_, index) => {
      await queue.push(topic, [Buffer.from(String(number + index))]);
      await print(String(number + index));
    }),
  );
