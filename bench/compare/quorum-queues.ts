/** AMQP quorum queues: a queue for each pair, persistent messages, publisher confirms, consumer acknowledgements. */
import { connect } from 'amqplib';
import { type Pair, prefetch, type System } from './system.ts';

export const openQuorumQueues = async (url: string): Promise<System> => {
  const [publishing, consuming] = [await connect(url), await connect(url)];
  const admin = await consuming.createChannel();
  const queues: string[] = [];
  return {
    openPair: async (queue, onMessage): Promise<Pair> => {
      queues.push(queue);
      await admin.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      const consumer = await consuming.createChannel();
      await consumer.prefetch(prefetch);
      await consumer.consume(queue, (message) => {
        if (message === null) return;
        onMessage();
        consumer.ack(message);
      });
      const publisher = await publishing.createConfirmChannel();
      return {
        publish: (payload) => {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          publisher.publish('', queue, payload, { persistent: true }, (error: unknown) =>
            error === null || error === undefined ? resolve() : reject(new Error('not confirmed', { cause: error })),
          );
          return promise;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const queue of queues) await admin.deleteQueue(queue);
      await Promise.all([publishing.close(), consuming.close()]);
    },
  };
};
