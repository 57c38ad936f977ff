import { readFileSync } from 'node:fs';
import {
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
export const connectAs = async (identity: string, options: ClientOptions): Promise<CommandClient> => {
  const principal = parseIdentity(identity);
  const connect = connectOptions(options);
  switch (principal?.kind) {
    case 'agent':
      return connectAgent({ ...principal, ...connect });
    case 'task':
      return connectTask({ ...principal, ...connect });
    case 'user':
      return connectUser({ ...principal, ...connect });
    case 'service':
      return connectService({ ...principal, ...connect });
    case 'bridge':
      return connectBridge({ ...principal, ...connect });
    default:
      throw new FabricError(
        'CONFIG_INVALID',
        `"${identity}" is no identity to connect as: use ag::…, tu::…, us::…, sv::… or br::…`,
      );
  }
};

const connectOptions = ({ address, tlsCa }: ClientOptions): ConnectOptions => ({
  address,
  signal: AbortSignal.timeout(connectPatienceMs),
  ...(tlsCa === undefined ? {} : { tls: { ca: readFileSync(tlsCa) } }),
});

const connectPatienceMs = 10_000;
