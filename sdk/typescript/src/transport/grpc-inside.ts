/**
 * What we need of grpc-js's inside, all of it: the HTTP/2 stream under a call. Through grpc-js's public API a client
 * loses messages: as soon as a status other than OK is known it drops what has arrived and was not read yet, which the
 * gateway rightly counts as received (a gateway that drains ends every stream with UNAVAILABLE). It also moves one
 * message at a time. Written for grpc-js 1.14; a call that does not look as expected is used through the public API
 * (`grpc-stream.ts`), with that weakness.
 */
import type { ClientHttp2Stream } from 'node:http2';
import type { ClientDuplexStream } from '@grpc/grpc-js';

export type ConnectCall = ClientDuplexStream<Uint8Array, Uint8Array>;

/** A call holds the next inner one under one of these names, a retrying one a list of attempts. */
const innerNames = ['call', 'child', 'nextCall', 'underlyingCalls'] as const;
const depthMax = 12;

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const isHttp2Stream = (value: unknown): value is ClientHttp2Stream =>
  typeof field(value, 'respond') === 'undefined' &&
  typeof field(value, 'setTimeout') === 'function' &&
  typeof field(value, 'end') === 'function' &&
  typeof field(field(value, 'session'), 'ping') === 'function';

const find = (value: unknown, depth: number): ClientHttp2Stream | undefined => {
  if (typeof value !== 'object' || value === null || depth > depthMax) return undefined;
  const stream = field(value, 'http2Stream');
  if (isHttp2Stream(stream)) return stream;
  for (const name of innerNames) {
    const inner = field(value, name);
    for (const candidate of Array.isArray(inner) ? inner : [inner]) {
      const found = find(candidate, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
};

/**
 * The HTTP/2 stream of a call whose response headers have just come, with its messages no longer read by grpc-js, which
 * keeps watching over its status; `undefined` where it cannot be had.
 */
export const takeHttp2Stream = (call: ConnectCall): ClientHttp2Stream | undefined => {
  const stream = find(field(call, 'call'), 0);
  if (stream === undefined || stream.listenerCount('data') !== 1 || stream.readableDidRead) return undefined;
  stream.removeAllListeners('data');
  return stream;
};
