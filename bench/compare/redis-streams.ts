/** Redis Streams: a stream for each pair, read by a consumer group and acknowledged. */
import { Redis } from 'ioredis';
import { type Pair, prefetch, type System } from './system.ts';

const group = 'g';
const blockMs = 1000;

export const openRedisStreams = (address: string): System => {
  const [host = '', port = ''] = address.split(':');
  const connect = (): Redis => new Redis({ host, port: Number(port) });
  const [publisher, acknowledging] = [connect(), connect()];
  const consumers: Redis[] = [];
  const streams: string[] = [];
  const reading: Promise<void>[] = [];
  const closing = new AbortController();
  /** Takes and acknowledges until the end. */
  const read = async (consumer: Redis, stream: string, onMessage: () => void): Promise<void> => {
    while (!closing.signal.aborted) {
      const ids = idsOf(
        await consumer.xreadgroup('GROUP', group, 'c', 'COUNT', prefetch, 'BLOCK', blockMs, 'STREAMS', stream, '>'),
      );
      for (const _ of ids) onMessage();
      if (ids.length > 0) await acknowledging.xack(stream, group, ...ids);
    }
  };
  return {
    openPair: async (stream, onMessage): Promise<Pair> => {
      streams.push(stream);
      await publisher.xgroup('CREATE', stream, group, '$', 'MKSTREAM');
      const consumer = connect();
      consumers.push(consumer);
      reading.push(read(consumer, stream, onMessage));
      return { publish: async (payload) => void (await publisher.xadd(stream, '*', 'p', payload)) };
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await Promise.all(reading);
      for (const consumer of consumers) consumer.disconnect();
      if (streams.length > 0) await publisher.del(...streams);
      for (const client of [publisher, acknowledging]) client.disconnect();
    },
  };
};

/** Of an answer of the form [[stream, [[id, fields], …]]]. */
const idsOf = (answer: unknown): readonly string[] => {
  const [stream]: unknown[] = Array.isArray(answer) ? answer : [];
  const entries: unknown = Array.isArray(stream) ? stream[1] : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => (Array.isArray(entry) ? [String(entry[0])] : []));
};
