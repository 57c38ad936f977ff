/**
 * The gRPC server: `Connect` for the fabric, health and reflection beside it. Limits and keepalive are those published
 * clients know; connections have no maximum age.
 */
import type { Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { FabricError } from '../model/error.ts';
import { frameBytesMax } from '../model/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { CallFrameStream } from './call-frame-stream.ts';
import type { Gateway } from './gateway.ts';
import { type ConnectCall, takeInside } from './grpc-inside.ts';
import { HealthService } from './health-service.ts';
import { Http2FrameStream } from './http2-frame-stream.ts';
import { addReflection } from './reflection.ts';

export interface GrpcServerSettings {
  readonly host: string;
  /** 0 for any free one; `handed` where it listens nowhere and `take` brings the connections. */
  readonly port: number | 'handed';
  /** PEM; absent for plain text. */
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer; readonly clientCa?: Buffer } | undefined;
}

export interface GrpcServer extends AsyncDisposable {
  /** 0 where connections are handed to it. */
  readonly port: number;
  /** Serves a client's connection that was accepted elsewhere and of which nothing has been read. */
  take(connection: Socket): void;
  /** What gRPC health says. */
  setServing(serving: boolean): void;
}

interface GrpcServerDeps {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly log: Log;
}

const serviceName = 'aether.v1.AetherGateway';
const pass = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const connectDefinition = {
  Connect: {
    path: `/${serviceName}/Connect`,
    requestStream: true,
    responseStream: true,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  },
} as const;

const options = {
  'grpc.max_receive_message_length': frameBytesMax,
  'grpc.max_concurrent_streams': 1000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
};

/**
 * Binds and serves. Throws `CONFIG_INVALID` where the address is taken or the certificate is not usable. `inside` is how
 * a call is taken apart; calls it makes nothing of are served through the public API.
 */
export const openGrpcServer = async (
  settings: GrpcServerSettings,
  deps: GrpcServerDeps,
  inside: typeof takeInside = takeInside,
): Promise<GrpcServer> => {
  const server = new Server(options);
  const toFrameStream = frameStreams(deps, inside);
  server.addService(connectDefinition, {
    Connect: (call: ConnectCall) => void deps.gateway.serve(toFrameStream(call)),
  });
  const health = new HealthService(['', serviceName]);
  health.addTo(server);
  addReflection(server);
  const credentials = credentialsOf(settings.tls);
  const port = await bind(server, settings, credentials);
  const handed = server.createConnectionInjector(credentials);
  return {
    port,
    take: (connection) => handed.injectConnection(connection),
    setServing: (serving) => health.setServing(serving),
    [Symbol.asyncDispose]: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
};

const frameStreams = (
  { clock, log }: GrpcServerDeps,
  inside: typeof takeInside,
): ((call: ConnectCall) => Http2FrameStream | CallFrameStream) => {
  let hasWarned = false;
  return (call) => {
    const taken = inside(call);
    if (taken !== undefined) return new Http2FrameStream(call, taken, clock);
    if (!hasWarned) log.warn('grpc-js is not as expected inside: serving through its public API, slower, without PING');
    hasWarned = true;
    return new CallFrameStream(call, clock);
  };
};

const bind = (server: Server, { host, port }: GrpcServerSettings, credentials: ServerCredentials): Promise<number> => {
  if (port === 'handed') return Promise.resolve(0);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  server.bindAsync(address, credentials, (error, bound) => {
    if (error === null) resolve(bound);
    else reject(cannotListen(address, error));
  });
  return promise;
};

/** grpc-js wraps what the system said into words of its own. */
const cannotListen = (address: string, cause: Error): FabricError => {
  const said = /\[(.*)\]$/.exec(cause.message)?.[1] ?? cause.message;
  return new FabricError('CONFIG_INVALID', `cannot listen on ${address}: ${said}; choose another with --port`, {
    cause,
  });
};

const credentialsOf = (tls: GrpcServerSettings['tls']): ServerCredentials => {
  if (tls === undefined) return ServerCredentials.createInsecure();
  try {
    const pair = { cert_chain: tls.certificate, private_key: tls.key };
    return ServerCredentials.createSsl(tls.clientCa ?? null, [pair], tls.clientCa !== undefined);
  } catch (cause) {
    throw new FabricError('CONFIG_INVALID', 'the TLS certificate or key cannot be used', { cause });
  }
};
