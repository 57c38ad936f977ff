/** RabbitMQ Streams: a stream for each pair, one message an entry, confirmed one by one. */
import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { defaultRabbitMessageLogSettings } from '../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { parseBrokerAddress } from '../../src/adapters/rabbitmq/stream/broker-address.ts';
import { encodePublish } from '../../src/adapters/rabbitmq/stream/publish-frame.ts';
import { StreamConnection } from '../../src/adapters/rabbitmq/stream/stream-connection.ts';
import { encodeCredit } from '../../src/adapters/rabbitmq/stream/stream-frames.ts';
import {
  createStream,
  declarePublisher,
  deleteStream,
  subscribe,
} from '../../src/adapters/rabbitmq/stream/stream-requests.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import type { Pair, System } from './system.ts';

const credit = 10;
const okCode = 1;
/** Where a chunk says how many entries it has. */
const entriesAt = 2;

export const openRabbitStreams = async (url: string): Promise<System> => {
  const [publishing, reading] = [await connect(url), await connect(url)];
  const streams: string[] = [];
  return {
    openPair: async (stream, onMessage): Promise<Pair> => {
      const id = streams.push(stream) - 1;
      const waiting = new Map<number, () => void>();
      listen({ publishing, reading }, { stream, id, waiting, onMessage });
      const answers = [
        await publishing.request(createStream(stream, {})),
        await publishing.request(declarePublisher(id, '', stream)),
        await reading.request(subscribe(id, stream, { start: { at: 'next' }, credit })),
      ];
      if (answers.some(({ code }) => code !== okCode)) throw new Error(`the broker refuses the stream ${stream}`);
      let published = 0;
      return {
        publish: (payload) => {
          const publishingId = (published += 1);
          const { promise, resolve } = Promise.withResolvers<void>();
          waiting.set(publishingId, resolve);
          publishing.write(encodePublish(id, [{ publishingId, parts: [payload], bytes: payload.byteLength }]));
          return promise;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const stream of streams) await publishing.request(deleteStream(stream));
      await Promise.all([publishing.close(), reading.close()]);
    },
  };
};

interface Connections {
  readonly publishing: StreamConnection;
  readonly reading: StreamConnection;
}

interface Listening {
  readonly stream: string;
  readonly id: number;
  readonly waiting: Map<number, () => void>;
  readonly onMessage: () => void;
}

/** What is missing then is told by the deliveries that do not come. */
const lost = (): void => undefined;

const listen = ({ publishing, reading }: Connections, { stream, id, waiting, onMessage }: Listening): void => {
  publishing.publishers.reserve();
  reading.subscriptions.reserve();
  publishing.publishers.bind(id, {
    stream,
    lost,
    refused: lost,
    confirmed: (publishingIds) => {
      for (const publishingId of publishingIds) {
        waiting.get(publishingId)?.();
        waiting.delete(publishingId);
      }
    },
  });
  reading.subscriptions.bind(id, {
    stream,
    lost,
    deliver: (chunk) => {
      for (let entry = chunk.readUInt16BE(entriesAt); entry > 0; entry -= 1) onMessage();
      reading.write([encodeCredit(id, 1)]);
    },
  });
};

const connect = (url: string): Promise<StreamConnection> => {
  const { heartbeatMs, connectTimeoutMs, requestTimeoutMs, tls } = defaultRabbitMessageLogSettings;
  const settings = { address: parseBrokerAddress(url), clientName: 'compare', tls };
  return StreamConnection.open(
    { ...settings, heartbeatMs, connectTimeoutMs, requestTimeoutMs },
    { clock: systemClock, log: new MemoryLog() },
    AbortSignal.timeout(connectTimeoutMs),
  );
};
