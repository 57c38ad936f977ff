import type { DownstreamMessage } from '../../../src/gen/aether/v1/gateway.ts';
import type { SimStream } from '../sim-stream.ts';

export type Down = NonNullable<DownstreamMessage['payload']>;

/** What a client does with its streams beside sending and receiving by tags. */
export interface Duty {
  /** URIs of the extensions it cannot do without. */
  readonly extensions: readonly string[];
  /** Whether nothing is left that it waits for. */
  readonly isDone: boolean;
  /** A stream has been acknowledged. */
  begin(stream: SimStream): void;
  /** Answers with whether the frame was for it. */
  hear(payload: Down, stream: SimStream): boolean;
}
