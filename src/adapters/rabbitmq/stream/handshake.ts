/** How a connection comes up: who we are, who may come in, what is agreed, which virtual host. */
import { misconfigured, refused } from '../errors.ts';
import { type BrokerAddress, textOfAddress } from './broker-address.ts';
import { nameOfCode, responseCode } from './response-code.ts';
import { encodeTune } from './stream-frames.ts';
import {
  type Endpoint,
  openVirtualHost,
  peerProperties,
  type StreamRequest,
  saslHandshake,
  saslPlain,
} from './stream-requests.ts';

export interface Tune {
  readonly frameMaxBytes: number;
  readonly heartbeatSeconds: number;
}

/** What the handshake needs of a connection. */
export interface HandshakeSession {
  request<Answer>(request: StreamRequest<Answer>): Promise<Answer>;
  /** Resolves with what the broker suggests. */
  readonly tuned: Promise<Tune>;
  write(frame: Buffer): void;
}

/** What a broker said about itself. */
export interface BrokerFacts {
  readonly product: string;
  readonly version: string;
  /** The largest frame it says it takes; 0 for any. Enforced since 4.3.5. */
  readonly frameMaxBytes: number;
  readonly heartbeatMs: number;
  /** Where it says others find it. */
  readonly advertised: Endpoint | undefined;
}

export const shakeHands = async (
  session: HandshakeSession,
  address: BrokerAddress,
  { clientName, heartbeatMs }: { readonly clientName: string; readonly heartbeatMs: number },
): Promise<BrokerFacts> => {
  const at = `RabbitMQ at ${textOfAddress(address)}`;
  const peer = await session.request(peerProperties({ product: 'Aether Fabric', connection_name: clientName }));
  accept(`${at} did not take our properties`, peer.code);
  await authenticate(session, address, at);
  const tune = await session.tuned;
  const heartbeatSeconds = agreedHeartbeatSeconds(tune, heartbeatMs);
  session.write(encodeTune(tune.frameMaxBytes, heartbeatSeconds));
  const open = await session.request(openVirtualHost(address.virtualHost));
  accept(`${at} does not let user "${address.username}" into virtual host "${address.virtualHost}"`, open.code);
  return {
    product: peer.properties.get('product') ?? 'unknown',
    version: peer.properties.get('version') ?? '0.0.0',
    frameMaxBytes: tune.frameMaxBytes,
    heartbeatMs: heartbeatSeconds * 1000,
    advertised: advertisedEndpoint(open.properties),
  };
};

const accept = (what: string, code: number): void => {
  if (code !== responseCode.ok) throw refused(what, code);
};

const authenticate = async (
  session: HandshakeSession,
  { username, password }: BrokerAddress,
  at: string,
): Promise<void> => {
  const { code, mechanisms } = await session.request(saslHandshake());
  accept(`${at} offers no authentication`, code);
  if (!mechanisms.includes('PLAIN')) throw misconfigured(`${at} does not take user name and password (SASL PLAIN)`);
  const answer = await session.request(saslPlain(username, password));
  if (answer.code === responseCode.ok) return;
  throw misconfigured(`${at} refuses user "${username}" with this password: ${nameOfCode(answer.code)}`);
};

/** The smaller of the two; the broker's 0 means that it leaves it to us. */
const agreedHeartbeatSeconds = ({ heartbeatSeconds }: Tune, heartbeatMs: number): number => {
  const ours = Math.max(1, Math.ceil(heartbeatMs / 1000));
  return heartbeatSeconds === 0 ? ours : Math.min(ours, heartbeatSeconds);
};

const advertisedEndpoint = (properties: ReadonlyMap<string, string>): Endpoint | undefined => {
  const host = properties.get('advertised_host');
  const port = Number(properties.get('advertised_port'));
  return host === undefined || host === '' || !Number.isInteger(port) ? undefined : { host, port };
};
