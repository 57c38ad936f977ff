/**
 * What carries a client's frames. The client knows nothing else of the network: gRPC is one transport, a gateway in the
 * same process another, a test may bring its own.
 */
import type { ErrorCode } from '../reasons.ts';

/** How a stream came to its end: the gRPC status, `ok` only after `end()` and only once all frames were accepted. */
export interface StreamEnd {
  readonly code: 'ok' | ErrorCode;
  /** For people. */
  readonly message: string;
}

/** One stream to a gateway, seen from the client. A frame is one encoded message, without any prefix. */
export interface TransportStream {
  /**
   * Groups of frames (`DownstreamMessage`) as they arrive, and at last how the stream ended. Not asking for the next
   * group is the back-pressure to the gateway. Whatever had arrived when the stream ended is still handed out.
   */
  read(): AsyncIterator<readonly Uint8Array[], StreamEnd, undefined>;
  /**
   * Hands over frames (`UpstreamMessage`), in order. `taken` is called once, when there is room for more or the stream
   * has ended. One at a time: not again before `taken`.
   */
  write(frames: readonly Uint8Array[], taken: () => void): void;
  /** Half-closes after what was written. */
  end(): void;
  /** Ends the stream at once, from this side; `read()` then ends with `cancelled`. */
  cancel(): void;
  /** Aborts when the stream has ended; there may still be something to read. */
  readonly gone: AbortSignal;
}

export interface Transport {
  /** Opens a stream. Never throws: what fails is told by how the stream ends. */
  connect(address: string): TransportStream;
}
