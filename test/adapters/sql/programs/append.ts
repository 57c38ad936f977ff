/** Appends without end and prints what has been acknowledged. Arguments: the log's file, a name for its entries. */
import { append, openLog, testLayout } from '../open-log.ts';
import { print } from './print.ts';

const [path = '', name = ''] = process.argv.slice(2);
const inFlight = 8;

await using log = await openLog(path);
await print('open');

const lane = async (partition: number): Promise<never> => {
  for (let number = 0; ; number += inFlight)
    await Promise.all(
      Array.from({ length: inFlight }, async (_, index) => {
        const text = `${name} ${partition} ${number + index}`;
        await append(log, partition, text);
        await print(text);
      }),
    );
};

await Promise.all(Array.from({ length: testLayout.partitions }, (_, partition) => lane(partition)));
