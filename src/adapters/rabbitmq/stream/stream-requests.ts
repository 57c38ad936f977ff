/** What we ask a broker and how its answers read. A request is a value: sending it and waiting is the connection's. */
import type { FrameBody } from './frame-body.ts';
import { encodeFrame, frameKey, list, map, string, uint8, uint16, uint32, uint64 } from './stream-frames.ts';

export interface StreamRequest<Answer> {
  /** For messages. */
  readonly name: string;
  readonly key: number;
  /** What follows the correlation id. */
  readonly fields: readonly Buffer[];
  readonly answer: (body: FrameBody) => Answer;
}

/** Every answer but that to `metadata` starts with a response code. */
export interface Coded {
  readonly code: number;
}

/** Where a broker can be reached, by its own account. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface StreamPlacement extends Coded {
  readonly stream: string;
  /** `undefined` while there is none. */
  readonly leader: Endpoint | undefined;
  readonly replicas: readonly Endpoint[];
}

/** Where in a stream a subscription starts. */
export type StartAt = { readonly at: 'next' } | { readonly at: 'offset'; readonly offset: bigint };

export const encodeRequest = (request: StreamRequest<unknown>, correlationId: number): Buffer =>
  encodeFrame(request.key, [uint32(correlationId), ...request.fields]);

const coded = (body: FrameBody): Coded => ({ code: body.uint16() });

export const peerProperties = (
  properties: Readonly<Record<string, string>>,
): StreamRequest<Coded & { readonly properties: ReadonlyMap<string, string> }> => ({
  name: 'peer properties',
  key: frameKey.peerProperties,
  fields: [map(properties)],
  answer: (body) => ({ ...coded(body), properties: body.map() }),
});

export const saslHandshake = (): StreamRequest<Coded & { readonly mechanisms: readonly string[] }> => ({
  name: 'SASL handshake',
  key: frameKey.saslHandshake,
  fields: [],
  answer: (body) => ({ ...coded(body), mechanisms: body.list(() => body.string()) }),
});

export const saslPlain = (username: string, password: string): StreamRequest<Coded> => {
  const secret = Buffer.from(`\0${username}\0${password}`, 'utf8');
  return {
    name: 'SASL authenticate',
    key: frameKey.saslAuthenticate,
    fields: [string('PLAIN'), uint32(secret.length), secret],
    answer: coded,
  };
};

/** A broker that lets us in says at which address others find it. */
export const openVirtualHost = (
  virtualHost: string,
): StreamRequest<Coded & { readonly properties: ReadonlyMap<string, string> }> => ({
  name: 'open',
  key: frameKey.open,
  fields: [string(virtualHost)],
  answer: (body) => ({ ...coded(body), properties: body.remaining > 0 ? body.map() : new Map<string, string>() }),
});

export const closeConnection = (reason: string): StreamRequest<Coded> => ({
  name: 'close',
  key: frameKey.close,
  fields: [uint16(1), string(reason)],
  answer: coded,
});

export const createStream = (stream: string, settings: Readonly<Record<string, string>>): StreamRequest<Coded> => ({
  name: 'create stream',
  key: frameKey.create,
  fields: [string(stream), map(settings)],
  answer: coded,
});

export const deleteStream = (stream: string): StreamRequest<Coded> => ({
  name: 'delete stream',
  key: frameKey.delete,
  fields: [string(stream)],
  answer: coded,
});

export const declarePublisher = (publisherId: number, reference: string, stream: string): StreamRequest<Coded> => ({
  name: 'declare publisher',
  key: frameKey.declarePublisher,
  fields: [uint8(publisherId), string(reference), string(stream)],
  answer: coded,
});

export const deletePublisher = (publisherId: number): StreamRequest<Coded> => ({
  name: 'delete publisher',
  key: frameKey.deletePublisher,
  fields: [uint8(publisherId)],
  answer: coded,
});

export const subscribe = (
  subscriptionId: number,
  stream: string,
  { start, credit }: { readonly start: StartAt; readonly credit: number },
): StreamRequest<Coded> => ({
  name: 'subscribe',
  key: frameKey.subscribe,
  fields: [uint8(subscriptionId), string(stream), startField(start), uint16(credit)],
  answer: coded,
});

const startField = (start: StartAt): Buffer =>
  start.at === 'next' ? uint16(3) : Buffer.concat([uint16(4), uint64(start.offset)]);

export const unsubscribe = (subscriptionId: number): StreamRequest<Coded> => ({
  name: 'unsubscribe',
  key: frameKey.unsubscribe,
  fields: [uint8(subscriptionId)],
  answer: coded,
});

export const metadata = (streams: readonly string[]): StreamRequest<readonly StreamPlacement[]> => ({
  name: 'metadata',
  key: frameKey.metadata,
  fields: [list(streams, string)],
  answer: (body) => {
    const brokers = new Map(body.list(() => [body.uint16(), { host: body.string(), port: body.uint32() }] as const));
    return body.list(() => placement(body, brokers));
  },
});

const placement = (body: FrameBody, brokers: ReadonlyMap<number, Endpoint>): StreamPlacement => {
  const stream = body.string();
  const code = body.uint16();
  const leader = brokers.get(body.uint16());
  const replicas = body.list(() => brokers.get(body.uint16()));
  return { stream, code, leader, replicas: replicas.filter((endpoint) => endpoint !== undefined) };
};
