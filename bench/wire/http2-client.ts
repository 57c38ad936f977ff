import { connect } from 'node:http2';
import type { Parcel } from './frames.ts';
import { connectPath, type WireClient, type WireEvents, type WireTarget } from './wire-client.ts';

const windowBytes = 4 * 1024 * 1024;
const prefixBytes = 5;

/** Counts whole messages in what arrives, and copies out only those that are no deliveries. */
class FrameCounter {
  readonly #deliveryTag: number;
  readonly #events: WireEvents;
  /** Of the message that is under way: bytes still to come, or its prefix as far as it is there. */
  #skip = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(deliveryTag: number, events: WireEvents) {
    this.#deliveryTag = deliveryTag;
    this.#events = events;
  }

  take(chunk: Buffer): void {
    let at = this.#skip;
    let deliveries = at > 0 && at <= chunk.byteLength ? 1 : 0;
    if (at > chunk.byteLength) {
      this.#skip -= chunk.byteLength;
      return;
    }
    this.#skip = 0;
    const data = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    while (data.byteLength - at > prefixBytes) {
      const end = at + prefixBytes + data.readUInt32BE(at + 1);
      const isDelivery = data[at + prefixBytes] === this.#deliveryTag;
      if (end > data.byteLength && isDelivery) this.#skip = end - data.byteLength;
      if (end > data.byteLength) break;
      if (isDelivery) deliveries += 1;
      else this.#events.onFrame(data.subarray(at + prefixBytes, end));
      at = end;
    }
    if (this.#skip === 0) this.#rest = data.subarray(at);
    if (deliveries > 0) this.#events.onDeliveries(deliveries);
  }
}

export const openHttp2Client = ({ address, deliveryTag, route }: WireTarget, events: WireEvents): WireClient => {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: windowBytes, enablePush: false } });
  session.once('connect', () => session.setLocalWindowSize(windowBytes * 2));
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': connectPath,
    'content-type': 'application/grpc',
    te: 'trailers',
    'bench-role': route.role,
    'bench-key': route.key,
  });
  let status: number | undefined;
  let details = '';
  const heed = (headers: Readonly<Record<string, unknown>>): void => {
    if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
    if (typeof headers['grpc-message'] === 'string') details = headers['grpc-message'];
  };
  stream.on('response', heed);
  stream.on('trailers', heed);
  stream.on('error', () => undefined);
  stream.once('close', () => {
    session.close();
    events.onEnd(status, details);
  });
  const counter = new FrameCounter(deliveryTag, events);
  stream.on('data', (chunk: Buffer) => counter.take(chunk));
  return {
    send: ({ framed }: Parcel) => stream.write(framed),
    room: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      stream.once('drain', resolve);
      return promise;
    },
    halfClose: () => stream.end(),
    destroy: () => session.destroy(),
  };
};
