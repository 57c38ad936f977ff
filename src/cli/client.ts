import { readFileSync } from 'node:fs';
import {
  AetherError,
  type AgentClient,
  type BridgeClient,
  type ConnectOptions,
  connectAgent,
  connectBridge,
  connectService,
  connectTask,
  connectUser,
  type ServiceClient,
  type TaskClient,
  type UserClient,
} from '#sdk';
import { FabricError } from '../model/error.ts';
import { parseIdentity } from '../model/principal.ts';

/** What every client command is told. */
export interface ClientOptions {
  readonly address: string;
  readonly tlsCa?: string;
  readonly json?: true;
}

type CommandClient = AgentClient | TaskClient | UserClient | ServiceClient | BridgeClient;

/** A service of this command's own, so that it is in nobody's way. */
export const ownIdentity = (): string => `sv::aether-cli::${process.pid}-${Date.now().toString(36)}`;

/** Connects as the identity. Gives up after a few seconds with what to look at. */
export const connectAs = async (
  identity: string,
  options: ClientOptions,
  features: Pick<ConnectOptions, 'acks'> = {},
): Promise<CommandClient> => {
  try {
    return await connect(identity, { ...connectOptions(options), ...features });
  } catch (thrown) {
    if (!(thrown instanceof AetherError)) throw thrown;
    throw new AetherError(thrown.reason, `cannot connect to ${options.address}: ${thrown.message}`, thrown);
  }
};

const connect = (identity: string, options: ConnectOptions): Promise<CommandClient> => {
  const principal = parseIdentity(identity);
  switch (principal?.kind) {
    case 'agent':
      return connectAgent({ ...principal, ...options });
    case 'task':
      return connectTask({ ...principal, ...options });
    case 'user':
      return connectUser({ ...principal, ...options });
    case 'service':
      return connectService({ ...principal, ...options });
    case 'bridge':
      return connectBridge({ ...principal, ...options });
    default:
      throw new FabricError(
        'CONFIG_INVALID',
        `"${identity}" is no identity to connect as: use ag::…, tu::…, us::…, sv::… or br::…`,
      );
  }
};

const connectTimeoutMs = 10_000;

const connectOptions = ({ address, tlsCa }: ClientOptions): ConnectOptions => ({
  address,
  connectTimeoutMs,
  ...(tlsCa === undefined ? {} : { tls: { ca: readAuthority(tlsCa) } }),
});

const readAuthority = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FabricError('CONFIG_INVALID', `cannot read ${file}`, { cause });
  }
};
