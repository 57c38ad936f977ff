import type { Transport, TransportStream } from './transport.ts';

/**
 * Carries frames to a gateway in the same process, with no network and no serialisation of its own. `connect` opens one
 * stream on that gateway; the address is ignored. Frames are copied on their way in: the gateway shares them between
 * recipients, and an application may write into a payload it was given.
 */
export const inProcessTransport = (connect: () => TransportStream): Transport => ({
  connect: () => copying(connect()),
});

const copying = (stream: TransportStream): TransportStream => ({
  read: () => {
    const groups = stream.read();
    return {
      next: async () => {
        const result = await groups.next();
        return result.done === true
          ? result
          : { value: result.value.map((frame) => new Uint8Array(frame)), done: false };
      },
    };
  },
  write: (frames, taken) => stream.write(frames, taken),
  end: () => stream.end(),
  cancel: () => stream.cancel(),
  gone: stream.gone,
});
