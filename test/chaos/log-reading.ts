/** What the log holds when a run is over, read as gateways read it. */
import { writeFileSync } from 'node:fs';
import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { defaultRetention } from '../../src/adapters/rabbitmq/log-streams.ts';
import {
  defaultRabbitMessageLogSettings,
  openRabbitMessageLog,
  type RabbitMessageLog,
} from '../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { parseBrokerAddress } from '../../src/adapters/rabbitmq/stream/broker-address.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { systemEntropy } from '../../src/adapters/system/system-entropy.ts';
import { RecordBatch } from '../../src/router/record-batch.ts';
import type { Logged } from '../history/event.ts';
import type { ChaosServices } from './gateway-seat.ts';
import { nameOf } from './load/place.ts';
import { nowMs } from './load/recorder.ts';

/** As the gateways of a run have it by default. */
const layout = { partitions: 16, spread: 16 };

export const readLog = async (services: ChaosServices, prefix: string): Promise<readonly Logged[]> => {
  const signal = AbortSignal.timeout(120_000);
  await using log = await openRabbitMessageLog(
    {
      ...defaultRabbitMessageLogSettings,
      addresses: [parseBrokerAddress(services.rabbitmq.streamUrl)],
      followsAdvertised: false,
      layout,
      retention: defaultRetention,
      clientName: 'chaos',
      prefix,
    },
    { clock: systemClock, log: new MemoryLog(), entropy: systemEntropy },
    { signal },
  );
  const logged: Logged[] = [];
  for (let partition = 0; partition < layout.partitions; partition += 1)
    logged.push(...(await readPartition(log, partition, signal)));
  return logged;
};

export const writeLogged = (path: string, logged: readonly Logged[]): void =>
  writeFileSync(path, logged.map((event) => `${JSON.stringify(event)}\n`).join(''));

type Growing = { -readonly [Key in keyof Logged]: Logged[Key] };

const readPartition = async (
  log: RabbitMessageLog,
  partition: number,
  signal: AbortSignal,
): Promise<readonly Logged[]> => {
  const sessions = new Map<string, Growing>();
  // From the end back to the beginning is all there is; a marker says where the end is.
  await using end = await log.read(partition, 'end', { signal });
  await log.append(partition, [endMark]);
  await using reading = await log.read(partition, 0n, { signal });
  let place = 0;
  for await (const entries of reading.entries) {
    for (const { offset, batch } of entries) {
      if (offset >= end.start) return [...sessions.values()];
      place = note(sessions, new RecordBatch(batch), { partition, place });
    }
  }
  throw new Error(`partition ${partition} ended before its end`);
};

/** An entry that is no batch; gateways would pass it over, and there are none any more. */
const endMark = Buffer.from('the end of a run');

/** Records of a batch are in the order of their topics; those of one sender on one topic in the order of sending. */
const note = (
  sessions: Map<string, Growing>,
  batch: RecordBatch,
  { partition, place }: { readonly partition: number; readonly place: number },
): number => {
  for (const group of batch.groups)
    for (const { source, epoch, tracked } of group.metas()) {
      // Redriven or delayed, it comes in the name of the session that sent it.
      if (tracked !== undefined) continue;
      const key = `${epoch} ${source}`;
      const session = sessions.get(key);
      if (session === undefined) {
        const who = nameOf(source);
        sessions.set(key, {
          e: 'logged',
          at: nowMs(),
          who,
          partition,
          epoch: String(epoch),
          first: place,
          last: place,
          records: 1,
        });
      } else {
        session.last = place;
        session.records += 1;
      }
    }
  return place + 1;
};
