/** One connection with one stream, as load programs see it, whatever library carries it. */
import type { ClientName, Parcel } from './frames.ts';

/**
 * - `grpc-js`: what any client of the wire does, one frame after the other through the public API
 * - `batch`: the same with the batch extension, many messages in one frame
 * - `http2`: many frames in one write, frames only counted: shows what the server can do
 */
export type ClientKind = 'grpc-js' | 'batch' | 'http2';

/** How the bare server knows what to do with a stream; a gateway pays no attention to it. */
export interface Route {
  readonly role: 'send' | 'receive' | 'echo';
  readonly key: string;
}

export interface WireEvents {
  /** Deliveries that have arrived together. */
  readonly onDeliveries: (count: number) => void;
  /** Any other frame. */
  readonly onFrame: (message: Buffer) => void;
  /** The stream is over, with a gRPC status and what it says if there was one. */
  readonly onEnd: (status: number | undefined, details: string) => void;
}

export interface WireTarget {
  readonly address: string;
  /** First byte of the messages that count as deliveries. */
  readonly deliveryTag: number;
  readonly route: Route;
}

export interface WireClient {
  /** False when there is no room for more: then wait for `room`. */
  send(parcel: Parcel): boolean;
  room(): Promise<void>;
  /** Nothing more will be sent; the server answers with a status. */
  halfClose(): void;
  /** Cuts the connection. */
  destroy(): void;
}

export const connectPath = '/aether.v1.AetherGateway/Connect';

export interface Member {
  readonly name: ClientName;
  readonly route: Route;
}
