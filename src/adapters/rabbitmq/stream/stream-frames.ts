/**
 * The frames of RabbitMQ's stream protocol that we need, as values: what a broker sends is decoded here, what we send
 * that awaits no answer is encoded here, and requests are in `stream-requests.ts`. Nothing here throws or keeps state.
 * (Protocol: deps/rabbitmq_stream/docs/PROTOCOL.adoc of rabbitmq-server. Everything is version 1, which all brokers
 * speak who were not told otherwise.)
 */
import { FrameBody } from './frame-body.ts';

export const frameKey = {
  declarePublisher: 0x01,
  publish: 0x02,
  publishConfirm: 0x03,
  publishError: 0x04,
  deletePublisher: 0x06,
  subscribe: 0x07,
  deliver: 0x08,
  credit: 0x09,
  unsubscribe: 0x0c,
  create: 0x0d,
  delete: 0x0e,
  metadata: 0x0f,
  metadataUpdate: 0x10,
  peerProperties: 0x11,
  saslHandshake: 0x12,
  saslAuthenticate: 0x13,
  tune: 0x14,
  open: 0x15,
  close: 0x16,
  heartbeat: 0x17,
} as const;

/** Set in the key of a response. */
const responseBit = 0x8000;
const version = 1;

export interface PublishRefusal {
  readonly publishingId: number;
  readonly code: number;
}

export type ServerFrame =
  | { readonly kind: 'response'; readonly key: number; readonly correlationId: number; readonly body: FrameBody }
  | { readonly kind: 'confirm'; readonly publisherId: number; readonly publishingIds: readonly number[] }
  | { readonly kind: 'publish error'; readonly publisherId: number; readonly refusals: readonly PublishRefusal[] }
  | { readonly kind: 'deliver'; readonly subscriptionId: number; readonly chunk: Buffer }
  | { readonly kind: 'credit refused'; readonly subscriptionId: number; readonly code: number }
  | { readonly kind: 'metadata update'; readonly stream: string; readonly code: number }
  | { readonly kind: 'tune'; readonly frameMaxBytes: number; readonly heartbeatSeconds: number }
  | { readonly kind: 'close'; readonly correlationId: number; readonly code: number; readonly reason: string }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'malformed'; readonly fault: string };

/** A frame without its size field. */
export const decodeFrame = (bytes: Buffer): ServerFrame => {
  const body = new FrameBody(bytes);
  const key = body.uint16();
  const sent = body.uint16();
  const name = `frame 0x${key.toString(16).padStart(4, '0')}`;
  if (sent !== version) return malformed(`${name} of version ${sent}`);
  const frame = decodeBody(key, body);
  if (frame === undefined) return malformed(`${name} is not known`);
  return body.isIntact ? frame : malformed(`${name} of ${bytes.length} bytes is cut short`);
};

const malformed = (fault: string): ServerFrame => ({ kind: 'malformed', fault });

const decodeBody = (key: number, body: FrameBody): ServerFrame | undefined => {
  switch (key) {
    case frameKey.publishConfirm:
      return { kind: 'confirm', publisherId: body.uint8(), publishingIds: body.list(() => body.uint53()) };
    case frameKey.publishError:
      return decodePublishError(body);
    case frameKey.deliver:
      return { kind: 'deliver', subscriptionId: body.uint8(), chunk: body.rest() };
    case frameKey.metadataUpdate:
      return { kind: 'metadata update', code: body.uint16(), stream: body.string() };
    case frameKey.tune:
      return { kind: 'tune', frameMaxBytes: body.uint32(), heartbeatSeconds: body.uint32() };
    case frameKey.close:
      return { kind: 'close', correlationId: body.uint32(), code: body.uint16(), reason: body.string() };
    case frameKey.heartbeat:
      return { kind: 'heartbeat' };
    case frameKey.credit | responseBit:
      return { kind: 'credit refused', code: body.uint16(), subscriptionId: body.uint8() };
    default:
      if ((key & responseBit) === 0) return undefined;
      return { kind: 'response', key: key & ~responseBit, correlationId: body.uint32(), body };
  }
};

const decodePublishError = (body: FrameBody): ServerFrame => ({
  kind: 'publish error',
  publisherId: body.uint8(),
  refusals: body.list(() => ({ publishingId: body.uint53(), code: body.uint16() })),
});

/** A whole frame, size field included. */
export const encodeFrame = (key: number, fields: readonly Buffer[]): Buffer => {
  const length = fields.reduce((sum, field) => sum + field.length, 4);
  return Buffer.concat([uint32(length), uint16(key), uint16(version), ...fields], length + 4);
};

export const encodeHeartbeat = (): Buffer => encodeFrame(frameKey.heartbeat, []);

export const encodeTune = (frameMaxBytes: number, heartbeatSeconds: number): Buffer =>
  encodeFrame(frameKey.tune, [uint32(frameMaxBytes), uint32(heartbeatSeconds)]);

export const encodeCredit = (subscriptionId: number, credit: number): Buffer =>
  encodeFrame(frameKey.credit, [uint8(subscriptionId), uint16(credit)]);

export const encodeCloseAnswer = (correlationId: number, code: number): Buffer =>
  encodeFrame(frameKey.close | responseBit, [uint32(correlationId), uint16(code)]);

export const uint8 = (value: number): Buffer => Buffer.of(value);

export const uint16 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

export const string = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint16(bytes.length), bytes]);
};

export const list = <Item>(items: readonly Item[], item: (item: Item) => Buffer): Buffer =>
  Buffer.concat([uint32(items.length), ...items.map(item)]);

export const map = (entries: Readonly<Record<string, string>>): Buffer =>
  list(Object.entries(entries), ([key, value]) => Buffer.concat([string(key), string(value)]));
