/** Logs and queues of RabbitMQ as tests open them: with names of their own, and gone afterwards. */

import { connect } from 'amqplib';
import { defaultRetention, streamOfLayout, streamOfPartition } from '../../../src/adapters/rabbitmq/log-streams.ts';
import {
  defaultRabbitMessageLogSettings,
  openRabbitMessageLog,
  type RabbitMessageLog,
  type RabbitMessageLogSettings,
} from '../../../src/adapters/rabbitmq/rabbit-message-log.ts';
import {
  defaultRabbitWorkQueueSettings,
  RabbitWorkQueue,
  type RabbitWorkQueueSettings,
} from '../../../src/adapters/rabbitmq/rabbit-work-queue.ts';
import { parseBrokerAddress } from '../../../src/adapters/rabbitmq/stream/broker-address.ts';
import { StreamConnection } from '../../../src/adapters/rabbitmq/stream/stream-connection.ts';
import { deleteStream } from '../../../src/adapters/rabbitmq/stream/stream-requests.ts';
import { parseAmqpAddress } from '../../../src/adapters/rabbitmq/work/amqp-address.ts';
import { bellOf, queueOfTopic } from '../../../src/adapters/rabbitmq/work/work-objects.ts';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import { systemEntropy } from '../../../src/adapters/system/system-entropy.ts';
import type { Fields, Log } from '../../../src/ports/log.ts';

export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: Fields;
}

/** A log that keeps its lines. */
export const recordingLog = (lines: Line[] = []): Log & { readonly lines: readonly Line[] } => {
  const at =
    (level: Line['level']) =>
    (event: string, fields: Fields = {}): void =>
      void lines.push({ level, event, fields });
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => recordingLog(lines),
  };
};

export const never = new AbortController().signal;

let serial = 0;
export const uniquePrefix = (): string => `aether.test.${process.pid}.${Date.now()}.${(serial += 1)}`;

export const testSettings = (
  url: string,
  settings: Partial<RabbitMessageLogSettings> = {},
): RabbitMessageLogSettings => ({
  ...defaultRabbitMessageLogSettings,
  addresses: [parseBrokerAddress(url)],
  layout: { partitions: 4, spread: 4 },
  retention: defaultRetention,
  clientName: 'aether test',
  prefix: uniquePrefix(),
  ...settings,
});

export const testDeps = () => ({ clock: systemClock, log: recordingLog(), entropy: systemEntropy });

export const openTestLog = (settings: RabbitMessageLogSettings, deps = testDeps()): Promise<RabbitMessageLog> =>
  openRabbitMessageLog(settings, deps, { signal: never });

/** Deletes every stream of a log. */
export const deleteLog = async ({
  prefix,
  layout,
  addresses,
  ...settings
}: RabbitMessageLogSettings): Promise<void> => {
  const connection = await StreamConnection.open({ ...settings, address: addresses[0] }, testDeps(), never);
  const partitions = Array.from({ length: layout.partitions }, (_, index) => streamOfPartition(prefix, index));
  for (const stream of [...partitions, streamOfLayout(prefix)]) await connection.request(deleteStream(stream));
  await connection.close();
};

export const testWorkSettings = (
  url: string,
  settings: Partial<RabbitWorkQueueSettings> = {},
): RabbitWorkQueueSettings => ({
  ...defaultRabbitWorkQueueSettings,
  addresses: [parseAmqpAddress(url)],
  clientName: 'aether test',
  prefix: uniquePrefix(),
  ...settings,
});

/** A work queue that remembers what it was pushed to. */
export class TestWorkQueue extends RabbitWorkQueue {
  readonly topics = new Set<string>();

  override push(topic: string, parts: readonly Uint8Array[]): Promise<void> {
    this.topics.add(topic);
    return super.push(topic, parts);
  }
}

export const openTestQueue = (settings: RabbitWorkQueueSettings, deps = testDeps()): TestWorkQueue =>
  new TestWorkQueue(settings, deps);

/** Deletes the queues of topics, and the bell. */
export const deleteWork = async (url: string, prefix: string, topics: Iterable<string>): Promise<void> => {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const topic of topics) await channel.deleteQueue(queueOfTopic(prefix, topic));
  await channel.deleteExchange(bellOf(prefix));
  await connection.close();
};
