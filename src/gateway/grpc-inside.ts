/**
 * What we need of grpc-js's inside, all of it: the HTTP/2 stream under a call (D6, D11). Through it many messages are
 * read and written at once, which the public API does one at a time, and PING tells what the peer has. Written for
 * grpc-js 1.14; a call that does not look as expected is served through the public API instead (`call-frame-stream.ts`):
 * the same behaviour, slower, and what was handed to the socket counts as received.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { ServerDuplexStream } from '@grpc/grpc-js';

export type ConnectCall = ServerDuplexStream<Uint8Array, Uint8Array>;

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const isHttp2Stream = (value: unknown): value is ServerHttp2Stream =>
  typeof field(value, 'respond') === 'function' &&
  typeof field(value, 'sendTrailers') === 'function' &&
  typeof field(field(value, 'session'), 'ping') === 'function';

export interface InsideOfCall {
  readonly stream: ServerHttp2Stream;
  /** How messages flagged as compressed are: the call's `grpc-encoding`, which grpc-js takes out of its metadata. */
  readonly encoding: string;
}

/** The HTTP/2 stream of a call, with its messages no longer read by grpc-js; `undefined` where it cannot be had. */
export const takeInside = (call: ConnectCall): InsideOfCall | undefined => {
  const inner = field(call, 'call');
  const stream = field(inner, 'stream');
  const encoding = field(inner, 'incomingEncoding');
  if (!isHttp2Stream(stream) || typeof encoding !== 'string' || stream.listenerCount('data') !== 1) return undefined;
  stream.removeAllListeners('data');
  return { stream, encoding };
};
