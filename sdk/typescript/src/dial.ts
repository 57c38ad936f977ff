/** One attempt to connect: opens a stream, introduces itself, and waits for the gateway's acknowledgement. */

import type { Settings } from './connect-options.ts';
import { errorOf } from './endings.ts';
import { type AetherError, failure, messageOf } from './error.ts';
import type { ConnectionAck } from './gen/aether/v1/connection.ts';
import type { ClientType } from './identity.ts';
import type { StreamEnd, TransportStream } from './transport/transport.ts';
import { version } from './version.ts';
import { encode } from './wire.ts';

export interface Dialled {
  readonly stream: TransportStream;
  /** Resolves when the stream has ended and everything that had arrived has been taken. */
  readonly ended: Promise<StreamEnd>;
}

export interface DialRequest {
  readonly address: string;
  /** Opens the stream. */
  readonly connect: (address: string) => TransportStream;
  readonly clientType: ClientType;
  /** Session to continue; empty for none. */
  readonly resumes: string;
  readonly settings: Settings;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** Reads the stream to its end; calls `onAck` with the acknowledgement. */
  readonly receive: (stream: TransportStream, onAck: (ack: ConnectionAck) => void) => Promise<StreamEnd>;
  /** Called once, before anything that follows the acknowledgement is taken, if the connection can be used. */
  readonly onAcknowledged: (stream: TransportStream, ack: ConnectionAck) => void;
}

/** A connection that has been acknowledged, or why there is none. */
export const dial = async (request: DialRequest): Promise<Dialled | AetherError> => {
  const credentials = await request.settings
    .credentials()
    .catch((cause: unknown) => failure('CREDENTIALS_FAILED', `no credentials: ${messageOf(cause)}`, { cause }));
  if (credentials instanceof Error) return credentials;
  if (request.signal.aborted) return failure('CONNECT_TIMEOUT', 'given up before connecting');
  const stream = request.connect(request.address);
  stream.write([introduction(request, credentials)], () => undefined);
  return untilAcknowledged(stream, request);
};

const untilAcknowledged = async (stream: TransportStream, request: DialRequest): Promise<Dialled | AetherError> => {
  const { settings, address, signal } = request;
  const { promise: acked, resolve } = Promise.withResolvers<{ readonly missing: AetherError | undefined }>();
  let isAcked = false;
  let late: AetherError | undefined;
  const ended = request.receive(stream, (ack) => {
    if (isAcked || late !== undefined) return;
    isAcked = true;
    const missing = missingExtension(ack, settings);
    if (missing === undefined) request.onAcknowledged(stream, ack);
    else stream.cancel();
    resolve({ missing });
  });
  const timer = setTimeout(() => {
    late = failure('CONNECT_TIMEOUT', `${address} did not acknowledge within ${settings.connectTimeoutMs} ms`);
    stream.cancel();
  }, settings.connectTimeoutMs);
  const cancel = (): void => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const ack = await Promise.race([acked, ended.then(() => undefined)]);
  clearTimeout(timer);
  signal.removeEventListener('abort', cancel);
  if (ack !== undefined && ack.missing === undefined) return { stream, ended };
  const end = await ended;
  return ack?.missing ?? late ?? errorOf(end);
};

/** A gateway acknowledges, and only then ends the stream of a client that requires what it does not know. */
const missingExtension = (ack: ConnectionAck, { extensions }: Settings): AetherError | undefined => {
  const supported = new Set(ack.negotiatedExtensions.filter((answer) => answer.supported).map(({ uri }) => uri));
  const missing = extensions.find(({ uri, required }) => required && !supported.has(uri));
  return missing && failure('EXTENSION_UNSUPPORTED', `the gateway does not know the extension ${missing.uri}`);
};

const introduction = ({ clientType, resumes, settings }: DialRequest, credentials: Map<string, string>): Uint8Array =>
  encode({
    $case: 'init',
    value: {
      clientType,
      credentials,
      resumeSessionId: resumes,
      extensions: [...settings.extensions],
      clientVersion: version,
      clientSdk: 'ts',
      clientBuildInfo: {
        commit: '',
        builtAt: '',
        runtime: `node ${process.version}`,
        os: `${process.platform}/${process.arch}`,
      },
    },
  });
