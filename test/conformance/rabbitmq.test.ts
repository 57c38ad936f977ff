import { describe } from 'vitest';
import type { RabbitMessageLogSettings } from '../../src/adapters/rabbitmq/rabbit-message-log.ts';
import type { MessageLog } from '../../src/ports/message-log.ts';
import { rabbitAddresses } from '../adapters/rabbitmq/addresses.ts';
import {
  deleteLog,
  deleteWork,
  openTestLog,
  openTestQueue,
  testSettings,
  testWorkSettings,
} from '../adapters/rabbitmq/opening.ts';
import { messageLogConformance } from './message-log.ts';
import { workQueueConformance } from './work-queue.ts';

interface Opened extends AsyncDisposable {
  readonly log: MessageLog;
}

/** Of the logs that are open, for opening them again. */
const settingsOf = new WeakMap<Opened, RabbitMessageLogSettings>();
const closeOf = new WeakMap<Opened, () => Promise<void>>();

const openLog = async (settings: RabbitMessageLogSettings): Promise<Opened> => {
  const log = await openTestLog(settings);
  const dispose = async (): Promise<void> => {
    await log[Symbol.asyncDispose]();
    await deleteLog(settings);
  };
  const opened = { log, [Symbol.asyncDispose]: dispose };
  settingsOf.set(opened, settings);
  closeOf.set(opened, () => log[Symbol.asyncDispose]());
  return opened;
};

const reopen = async (opened: Opened): Promise<Opened> => {
  await closeOf.get(opened)?.();
  const settings = settingsOf.get(opened);
  if (settings === undefined) throw new Error('opened elsewhere');
  return openLog(settings);
};

describe.skipIf(rabbitAddresses === undefined)('rabbitmq', () => {
  const { stream = '', amqp = '' } = rabbitAddresses ?? {};

  messageLogConformance('rabbitmq streams', { open: () => openLog(testSettings(stream)), reopen });

  workQueueConformance('rabbitmq quorum queues', () => {
    const settings = testWorkSettings(amqp);
    const queue = openTestQueue(settings);
    const dispose = async (): Promise<void> => {
      await queue[Symbol.asyncDispose]();
      await deleteWork(amqp, settings.prefix, queue.topics);
    };
    return Promise.resolve({ queue, [Symbol.asyncDispose]: dispose });
  });
});
