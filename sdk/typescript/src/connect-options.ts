/** What can be said about any connection, and what it comes to: optional out here, resolved in there. */
import { type Credentials, type CredentialsSource, credentialsSource } from './credentials.ts';
import { failure } from './error.ts';
import { fabricExtensions } from './fabric-extensions.ts';
import type { ExtensionDeclaration } from './gen/aether/v1/connection.ts';
import { grpcTransport, type KeepaliveOptions, type TlsOptions } from './transport/grpc-transport.ts';
import type { Transport } from './transport/transport.ts';

export interface ReconnectOptions {
  /** False: the client is closed when its connection is lost. True by default. */
  readonly enabled?: boolean | undefined;
  /** Before the second attempt; the first is made at once. 200 by default; doubled each time, with jitter. */
  readonly initialBackoffMs?: number | undefined;
  /** 10,000 by default. */
  readonly maxBackoffMs?: number | undefined;
  /** Attempts in a row that may fail. For ever by default. */
  readonly maxAttempts?: number | undefined;
  /** Also keeps trying while somebody else holds the identity, from the first connect on. False by default. */
  readonly retryDuplicate?: boolean | undefined;
}

/** An addition to the protocol the client would like to use. */
export interface Extension {
  readonly uri: string;
  /** Any by default. */
  readonly version?: string | undefined;
  /** True: connecting fails where the gateway does not know it. */
  readonly required?: boolean | undefined;
  /** Schema of its payloads, for peers. */
  readonly jsonSchema?: string | undefined;
}

export interface ConnectOptions {
  /** Host and port, 50051 by default, or several: the next is tried when one fails. `localhost:50051` by default. */
  readonly address?: string | readonly string[] | undefined;
  /** True for TLS with the system's authorities. Plain text by default. */
  readonly tls?: boolean | TlsOptions | undefined;
  /** Or a function that is asked before each attempt, for credentials that expire. */
  readonly credentials?: Credentials | (() => Credentials | Promise<Credentials>) | undefined;
  readonly reconnect?: ReconnectOptions | undefined;
  /** Keeps trying while no gateway can be reached, instead of failing. False by default; bound it with `signal`. */
  readonly waitForGateway?: boolean | undefined;
  /** Gives up connecting. Has no effect once connected: `AbortSignal.timeout(5000)` is fine. */
  readonly signal?: AbortSignal | undefined;
  /** False for none. */
  readonly keepalive?: false | KeepaliveOptions | undefined;
  readonly extensions?: readonly Extension[] | undefined;
  /** Several messages share a frame where the gateway knows how and they are ready at once. True by default. */
  readonly batch?: boolean | undefined;
  /**
   * True: `send()` resolves with a receipt that can be waited for, and what was not confirmed is sent again after a
   * reconnect without being published twice. Connecting fails where the gateway cannot. False by default.
   */
  readonly receipts?: boolean | undefined;
  /**
   * True: every message has to be answered with `ack()` or `nack()`; one that is not answered in time comes again, and
   * goes to the dead letters after some attempts. Connecting fails where the gateway cannot. False by default.
   */
  readonly acks?: boolean | undefined;
  /**
   * What happens to messages beyond the rate the gateway allows. `wait`, by default: they are held up, in order, and
   * `send()` with them, for as long as `sendTimeoutMs`. `reject`: each is refused with `ERR_RATE_LIMITED` and a
   * `retryAfterMs`, through `errors()` or its receipt; such a client cannot use `quotas`.
   */
  readonly rateLimits?: 'wait' | 'reject' | undefined;
  /** One attempt, from dialling to the gateway's acknowledgement. 15,000 by default. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a send may wait for a connection or for room. 30,000 by default. */
  readonly sendTimeoutMs?: number | undefined;
  /** How long a request may wait for its answer. 10,000 by default. */
  readonly requestTimeoutMs?: number | undefined;
  /** Bytes of sends that may wait; one more is refused. 8 MiB by default. */
  readonly outboxBytesMax?: number | undefined;
  /** Bytes of messages kept for the application; from there on the client stops reading. 1 MiB by default. */
  readonly inboxBytesMax?: number | undefined;
  /** What carries the frames, in place of gRPC; `address`, `tls` and `keepalive` are then its own affair. */
  readonly transport?: Transport | undefined;
}

/** The same, with nothing left open. */
export interface Settings {
  readonly addresses: readonly string[];
  readonly transport: Transport;
  readonly credentials: CredentialsSource;
  readonly reconnect: Required<{ [Name in keyof ReconnectOptions]: NonNullable<ReconnectOptions[Name]> }>;
  readonly waitForGateway: boolean;
  readonly signal: AbortSignal | undefined;
  readonly extensions: readonly ExtensionDeclaration[];
  readonly receipts: boolean;
  readonly rateLimits: 'wait' | 'reject';
  readonly connectTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly outboxBytesMax: number;
  readonly inboxBytesMax: number;
}

/** Throws `INVALID_ARGUMENT` where an option cannot be used. */
export const resolve = (options: ConnectOptions): Settings => ({
  addresses: addressesOf(options.address),
  transport: options.transport ?? defaultTransport(options),
  credentials: credentialsSource(options.credentials),
  reconnect: {
    enabled: options.reconnect?.enabled ?? true,
    initialBackoffMs: positive('reconnect.initialBackoffMs', options.reconnect?.initialBackoffMs, 200),
    maxBackoffMs: positive('reconnect.maxBackoffMs', options.reconnect?.maxBackoffMs, 10_000),
    maxAttempts: positive('reconnect.maxAttempts', options.reconnect?.maxAttempts, Infinity),
    retryDuplicate: options.reconnect?.retryDuplicate ?? false,
  },
  waitForGateway: options.waitForGateway ?? false,
  signal: options.signal,
  extensions: extensionsOf(options),
  receipts: options.receipts ?? false,
  rateLimits: options.rateLimits ?? 'wait',
  connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs, 15_000),
  sendTimeoutMs: positive('sendTimeoutMs', options.sendTimeoutMs, 30_000),
  requestTimeoutMs: positive('requestTimeoutMs', options.requestTimeoutMs, 10_000),
  outboxBytesMax: positive('outboxBytesMax', options.outboxBytesMax, 8 * 1024 * 1024),
  inboxBytesMax: positive('inboxBytesMax', options.inboxBytesMax, 1024 * 1024),
});

/** Those the application names, then those this package makes use of. */
const extensionsOf = ({
  extensions = [],
  batch = true,
  receipts = false,
  acks = false,
  rateLimits = 'wait',
}: ConnectOptions): readonly ExtensionDeclaration[] => {
  const named = extensions.map(({ uri, version = '', required = false, jsonSchema = '' }) => ({
    uri,
    version,
    required,
    jsonSchema,
  }));
  return [
    ...named,
    ...(batch ? [declared(fabricExtensions.batch, { required: false })] : []),
    ...(receipts ? [declared(fabricExtensions.receipts, { required: true })] : []),
    ...(acks ? [declared(fabricExtensions.ack, { required: true })] : []),
    ...(isWaiting(rateLimits) ? [declared(fabricExtensions.quotas, { required: false })] : []),
  ];
};

const isWaiting = (rateLimits: string): boolean => {
  if (rateLimits === 'wait' || rateLimits === 'reject') return rateLimits === 'wait';
  throw failure('INVALID_ARGUMENT', `rateLimits is ${rateLimits}, it must be wait or reject`);
};

const declared = (uri: string, { required }: { readonly required: boolean }): ExtensionDeclaration => ({
  uri,
  version: '',
  required,
  jsonSchema: '',
});

const addressesOf = (address: string | readonly string[] = 'localhost:50051'): readonly string[] => {
  const addresses = typeof address === 'string' ? [address] : [...address];
  if (addresses.length === 0 || addresses.includes('')) throw failure('INVALID_ARGUMENT', 'address is empty');
  return addresses;
};

const defaultTransport = ({ tls, keepalive }: ConnectOptions): Transport =>
  grpcTransport({
    tls: tls === true ? {} : tls || undefined,
    keepalive: keepalive === false ? undefined : (keepalive ?? {}),
  });

const positive = (name: string, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value > 0) return value;
  throw failure('INVALID_ARGUMENT', `${name} is ${String(value)}, it must be a positive number`);
};
