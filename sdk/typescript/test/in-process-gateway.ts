/**
 * Connects clients to a gateway in the same process without a network: the client's end is a `TransportStream`, the
 * gateway's end a `FrameStream`. Neither side knows the other's types.
 */

import { split } from '../../../src/gateway/call-frame-stream.ts';
import type { FrameStream, StreamEnd as ServerEnd } from '../../../src/gateway/frame-stream.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import type { StreamEnd, TransportStream } from '../src/index.ts';
import { FrameQueue } from '../src/transport/frame-queue.ts';

type Group = readonly Uint8Array[];

export const connectInProcess = (gateway: Gateway): TransportStream => {
  const gone = new AbortController();
  const left = new AbortController();
  // Down: what the gateway writes has room as soon as the client has taken what was written before.
  let taken: (() => void) | undefined;
  const down = new FrameQueue({ pause: () => undefined, resume: () => undefined });
  const up = new FrameQueue({ pause: () => undefined, resume: () => undefined });
  const finish = (end: StreamEnd): void => {
    down.finish(end);
    gone.abort();
    left.abort();
    taken?.();
  };
  const server: FrameStream = {
    remoteAddress: 'in-process',
    declaredExtensions: [],
    gone: left.signal,
    read: ({ signal }) => readUntil(up, signal),
    write: (framed, onTaken) => {
      if (left.signal.aborted) return onTaken();
      taken = onTaken;
      down.push(framed.flatMap(split));
    },
    whenReceived: (answered) => {
      if (!left.signal.aborted) setImmediate(answered);
    },
    isThere: () => Promise.resolve(!left.signal.aborted),
    end: (error) => finish({ code: error?.code ?? 'ok', message: error?.message ?? '' }),
  };
  void gateway.serve(server);
  return {
    read: () => ({
      next: async () => {
        const result = await down.next();
        const room = taken;
        taken = undefined;
        room?.();
        return result;
      },
    }),
    write: (frames, onTaken) => {
      up.push(frames);
      setImmediate(onTaken);
    },
    end: () => up.finish({ code: 'ok', message: '' }),
    cancel: () => {
      up.finish({ code: 'cancelled', message: '' });
      finish({ code: 'cancelled', message: 'cancelled by the client' });
    },
    gone: gone.signal,
  };
};

async function* readUntil(up: FrameQueue, signal: AbortSignal): AsyncGenerator<Group, ServerEnd> {
  const aborted = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  while (!signal.aborted) {
    const result = await Promise.race([up.next(), aborted]);
    if (result === undefined) break;
    if (result.done === true) return result.value.code === 'ok' ? 'half_closed' : 'gone';
    yield result.value;
  }
  return 'gone';
}
