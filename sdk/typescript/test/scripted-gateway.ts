/**
 * A gateway played by the test, for what a real one does rarely or never. It is a transport: the test takes the client's
 * frames from a stream, answers them, and ends it as it likes.
 */

import { ConnectionAck } from '../src/gen/aether/v1/connection.ts';
import { DownstreamMessage, UpstreamMessage } from '../src/gen/aether/v1/gateway.ts';
import type { StreamEnd, Transport, TransportStream } from '../src/index.ts';
import { FrameQueue } from '../src/transport/frame-queue.ts';

type Upstream = NonNullable<UpstreamMessage['payload']>;
type Downstream = NonNullable<DownstreamMessage['payload']>;

/** One stream, seen from the gateway. */
export interface ScriptedStream {
  readonly address: string;
  /** The client's next frame; `undefined` after its half-close or cancel. */
  next(): Promise<Upstream | undefined>;
  send(...payloads: readonly Downstream[]): void;
  /** Acknowledges, as session `id`. */
  acknowledge(id: string, more?: Partial<ConnectionAck>): void;
  end(end: StreamEnd): void;
  /** Leaves the client's writes untaken from now on. */
  stopTaking(): void;
  /** How many groups have been sent and not read. */
  readonly unread: number;
}

export interface ScriptedGateway {
  readonly transport: Transport;
  /** The next stream a client opens. */
  nextStream(): Promise<ScriptedStream>;
}

const nothing = new Uint8Array();

export const scriptedGateway = (): ScriptedGateway => {
  const opened = mailbox<ScriptedStream>();
  return {
    transport: {
      connect: (address) => {
        const { client, gateway } = streamPair(address);
        opened.put(gateway);
        return client;
      },
    },
    nextStream: async () => {
      const stream = await opened.take();
      if (stream === undefined) throw new Error('no stream');
      return stream;
    },
  };
};

const streamPair = (address: string): { client: TransportStream; gateway: ScriptedStream } => {
  const gone = new AbortController();
  const sent = mailbox<Upstream>();
  let unread = 0;
  let isTaking = true;
  const queue = new FrameQueue({ pause: () => undefined, resume: () => undefined });
  const end = (how: StreamEnd): void => {
    if (gone.signal.aborted) return;
    queue.finish(how);
    sent.put(undefined);
    gone.abort();
  };
  const send = (...payloads: readonly Downstream[]): void => {
    unread += 1;
    queue.push(payloads.map((payload) => DownstreamMessage.encode({ payload, activeExtensions: [] }).finish()));
  };
  return {
    client: {
      read: () => ({
        next: async () => {
          const result = await queue.next();
          unread -= result.done === true ? 0 : 1;
          return result;
        },
      }),
      write: (frames, taken) => {
        for (const frame of frames) {
          const { payload } = UpstreamMessage.decode(frame);
          if (payload !== undefined) sent.put(payload);
        }
        if (isTaking) setImmediate(taken);
      },
      end: () => sent.put(undefined),
      cancel: () => end({ code: 'cancelled', message: 'cancelled by the client' }),
      gone: gone.signal,
    },
    gateway: {
      address,
      next: () => sent.take(),
      send,
      acknowledge: (sessionId, more = {}) =>
        send({ $case: 'connectionAck', value: { ...ConnectionAck.decode(nothing), sessionId, ...more } }),
      end,
      stopTaking: () => {
        isTaking = false;
      },
      get unread() {
        return unread;
      },
    },
  };
};

const mailbox = <T>() => {
  const items: (T | undefined)[] = [];
  let wake: (() => void) | undefined;
  return {
    put: (item: T | undefined): void => {
      items.push(item);
      wake?.();
    },
    take: async (): Promise<T | undefined> => {
      while (items.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return items.shift();
    },
  };
};
