/** NATS JetStream: a file stream for each pair, acknowledged publishes, a push consumer with explicit acknowledgements. */
import { NatsConnection } from './nats-connection.ts';
import { type Pair, prefetch, type System } from './system.ts';

const inbox = '_INBOX.compare';
const acknowledgement = Buffer.from('+ACK');

export const openJetStream = async (port: number): Promise<System> => {
  const [publishing, consuming] = [await NatsConnection.open(port), await NatsConnection.open(port)];
  const waiting = new Map<string, PromiseWithResolvers<string>>();
  let asked = 0;
  publishing.subscribe(`${inbox}.*`, ({ subject, payload }) => {
    waiting.get(subject)?.resolve(payload.toString());
    waiting.delete(subject);
  });
  /** Rejects where the answer holds an error. */
  const ask = async (subject: string, payload: Buffer): Promise<void> => {
    const reply = `${inbox}.${(asked += 1)}`;
    const answered = Promise.withResolvers<string>();
    waiting.set(reply, answered);
    publishing.publish(subject, payload, reply);
    const text = await answered.promise;
    if (text === '' || text.includes('"error"')) throw new Error(`${subject}: ${text || 'nobody answers'}`);
  };
  const request = (subject: string, body: object): Promise<void> =>
    ask(`$JS.API.${subject}`, Buffer.from(JSON.stringify(body)));
  const streams: string[] = [];
  return {
    openPair: async (name, onMessage): Promise<Pair> => {
      const stream = name.replaceAll('.', '-');
      streams.push(stream);
      const subjects = [`messages.${stream}`];
      const config = { name: stream, subjects, storage: 'file', retention: 'limits', num_replicas: 1 };
      await request(`STREAM.CREATE.${stream}`, { ...config, max_consumers: -1, max_msgs: -1, max_bytes: -1 });
      const deliver = `deliver.${stream}`;
      consuming.subscribe(deliver, ({ reply }) => {
        onMessage();
        if (reply !== undefined) consuming.publish(reply, acknowledgement);
      });
      await consuming.settled();
      const consumer = { durable_name: 'c', deliver_subject: deliver, ack_policy: 'explicit', deliver_policy: 'all' };
      await request(`CONSUMER.DURABLE.CREATE.${stream}.c`, {
        stream_name: stream,
        config: { ...consumer, replay_policy: 'instant', max_ack_pending: prefetch },
      });
      return { publish: (payload) => ask(subjects[0] ?? '', payload) };
    },
    [Symbol.asyncDispose]: async () => {
      for (const stream of streams) await request(`STREAM.DELETE.${stream}`, {});
      for (const connection of [publishing, consuming]) connection.close();
    },
  };
};
