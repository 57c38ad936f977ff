/**
 * gRPC over HTTP/2, through grpc-js. Each stream has a connection of its own: a slow client does not hold up others,
 * and grpc-js's shared back-off does not come between a client and the next gateway.
 */
import { ChannelCredentials, type ChannelOptions, Client, Metadata } from '@grpc/grpc-js';
import { failure, messageOf } from '../error.ts';
import { frameBytesMax, receiveWindowBytes } from '../limits.ts';
import { version } from '../version.ts';
import { takeHttp2Stream } from './grpc-inside.ts';
import { GrpcStream } from './grpc-stream.ts';
import type { StreamEnd, Transport, TransportStream } from './transport.ts';

/** Trust and identity of a TLS connection; certificates and keys are PEM. */
export interface TlsOptions {
  /** Whom to trust; the system's authorities by default. */
  readonly ca?: string | Uint8Array | undefined;
  /** The client's certificate, with `key`, where the gateway asks for one. */
  readonly certificate?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** The name the gateway's certificate must have, where it is not the address's. */
  readonly serverName?: string | undefined;
}

export interface KeepaliveOptions {
  /** Milliseconds between pings; gateways take them from 10,000 up. 30,000 by default. */
  readonly everyMs?: number | undefined;
  /** Milliseconds after which an unanswered ping means that the gateway is gone. 10,000 by default. */
  readonly timeoutMs?: number | undefined;
}

export interface GrpcTransportSettings {
  readonly tls: TlsOptions | undefined;
  readonly keepalive: KeepaliveOptions | undefined;
}

const path = '/aether.v1.AetherGateway/Connect';

const pass = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** `inside` gets at the HTTP/2 stream of a call, or not. */
export const grpcTransport = (
  { tls, keepalive }: GrpcTransportSettings,
  inside: typeof takeHttp2Stream = takeHttp2Stream,
): Transport => {
  const credentials = credentialsOf(tls);
  const options = channelOptions(tls, keepalive);
  let isWarned = false;
  const onPublicOnly = (): void => {
    if (!isWarned) warnPublicOnly();
    isWarned = true;
  };
  return {
    connect: (address) => {
      try {
        const client = new Client(withPort(address), credentials, options);
        const call = client.makeBidiStreamRequest(path, pass, pass, new Metadata());
        return new GrpcStream(call, { inside, release: () => client.close(), onPublicOnly });
      } catch (thrown) {
        return endedStream({ code: 'invalid_argument', message: messageOf(thrown) });
      }
    },
  };
};

/** A bare host gets the port gateways listen on; whatever else there is, grpc-js reads. */
const withPort = (address: string): string => (/^[^:/]+$/.test(address) ? `${address}:50051` : address);

const channelOptions = (tls: TlsOptions | undefined, keepalive: KeepaliveOptions | undefined): ChannelOptions => ({
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': frameBytesMax,
  'grpc-node.flow_control_window': receiveWindowBytes,
  'grpc.primary_user_agent': `aether-fabric-sdk/${version}`,
  ...(keepalive === undefined
    ? {}
    : {
        'grpc.keepalive_time_ms': keepalive.everyMs ?? 30_000,
        'grpc.keepalive_timeout_ms': keepalive.timeoutMs ?? 10_000,
      }),
  ...(tls?.serverName === undefined
    ? {}
    : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName }),
});

const pem = (text: string | Uint8Array | undefined): Buffer | null => {
  if (text === undefined) return null;
  return typeof text === 'string' ? Buffer.from(text) : pass(text);
};

const credentialsOf = (tls: TlsOptions | undefined): ChannelCredentials => {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  try {
    return ChannelCredentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.certificate));
  } catch (cause) {
    throw failure('INVALID_ARGUMENT', `the TLS options cannot be used: ${messageOf(cause)}`, { cause });
  }
};

/** For what fails before there is a call. */
const endedStream = (end: StreamEnd): TransportStream => ({
  read: () => ({ next: () => Promise.resolve({ value: end, done: true }) }),
  write: (_, taken) => taken(),
  end: () => undefined,
  cancel: () => undefined,
  gone: AbortSignal.abort(),
});

const warnPublicOnly = (): void =>
  process.emitWarning(
    'this version of @grpc/grpc-js is not as expected inside: messages that have arrived when a gateway ends a ' +
      'connection may be lost, and sending is slower. Use the version @aether-fabric/sdk depends on.',
    { type: 'AetherWarning', code: 'GRPC_UNEXPECTED' },
  );
