/** An agent that has shaken hands: the same few steps for every load program and every server. */
import { DownstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { batchExtension, initMessage, parcelOf } from './frames.ts';
import { openGrpcClient } from './grpc-client.ts';
import { openHttp2Client } from './http2-client.ts';
import type { ClientKind, Member, WireClient, WireEvents, WireTarget } from './wire-client.ts';

/** A server as load programs are told of it. */
export interface ServerAddress {
  readonly address: string;
  readonly deliveryTag: number;
}

export interface OpenAgentOptions {
  readonly kind: ClientKind;
  readonly server: ServerAddress;
  readonly member: Member;
  readonly resumeSessionId?: string;
  readonly onDeliveries?: (count: number) => void;
  /** Told of every frame by which the server refuses something. */
  readonly onRefusal?: (text: string) => void;
}

export interface Agent {
  readonly client: WireClient;
  readonly sessionId: string;
  /** With the status the stream ended with, if it had one. */
  readonly ended: Promise<number | undefined>;
}

/** The server did not let the agent in; it may try again. */
export class NotLetIn extends Error {
  readonly status: number | undefined;

  constructor(status: number | undefined, details: string) {
    super(`status ${status}: ${details}`);
    this.status = status;
  }
}

const openClient = (kind: ClientKind, target: WireTarget, events: WireEvents): WireClient =>
  kind === 'http2' ? openHttp2Client(target, events) : openGrpcClient(target, events);

/** Resolves with the acknowledgement. */
export const openAgent = async ({
  kind,
  server,
  member: { name, route },
  resumeSessionId,
  onDeliveries = () => undefined,
  onRefusal = (text) => process.stderr.write(`${text}\n`),
}: OpenAgentOptions): Promise<Agent> => {
  const acknowledged = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<number | undefined>();
  const onFrame = (message: Buffer): void => {
    const { payload } = DownstreamMessage.decode(message);
    if (payload?.$case === 'connectionAck') acknowledged.resolve(payload.value.sessionId);
    if (payload?.$case === 'error') onRefusal(`${payload.value.code}: ${payload.value.message}`);
  };
  const onEnd = (status: number | undefined, details: string): void => {
    acknowledged.reject(new NotLetIn(status, details));
    ended.resolve(status);
  };
  const client = openClient(kind, { ...server, route }, { onDeliveries, onFrame, onEnd });
  const extensions = kind === 'batch' ? [batchExtension] : [];
  client.send(parcelOf([initMessage(name, { resumeSessionId, extensions })]));
  const sessionId = await acknowledged.promise;
  return { client, sessionId, ended: ended.promise };
};
