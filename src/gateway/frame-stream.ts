import type { FabricError } from '../model/error.ts';
import type { Rope } from './codec/rope.ts';

/** How the reading side of a stream came to its end. */
export type StreamEnd = 'half_closed' | 'gone';

/** A protobuf message from a client; a large one may still be in the pieces it came in. */
export type Frame = Uint8Array | Rope;

/**
 * One client's stream, whatever carries it. Frames are protobuf messages; written ones have their gRPC prefix already,
 * so that many can be written at once.
 */
export interface FrameStream {
  /** Address of the peer, for people. */
  readonly remoteAddress: string;
  /** Extension URIs named in the call's metadata. */
  readonly declaredExtensions: readonly string[];
  /** Aborts when the transport is gone or the client cancelled. */
  readonly gone: AbortSignal;
  /**
   * Groups of frames as they arrive, until the client half-closes, the transport is gone, or the signal aborts. Not
   * asking for the next group is the back-pressure to the client. Throws `FRAME_TOO_LARGE` and `INVALID_FRAME`.
   */
  read(options: { readonly signal: AbortSignal }): AsyncGenerator<readonly Frame[], StreamEnd>;
  /** Hands bytes to the transport; `taken` is called once, when it has room for more or is gone. One at a time. */
  write(framed: readonly Uint8Array[], taken: () => void): void;
  /** Calls `answered` once the peer's transport has confirmed having all that was taken when this was called. */
  whenReceived(answered: () => void): void;
  /** Whether the peer's transport answers in time. Never rejects. */
  isThere(): Promise<boolean>;
  /** Ends the stream after what was written: with OK, or with the error's status. */
  end(error?: FabricError): void;
}
