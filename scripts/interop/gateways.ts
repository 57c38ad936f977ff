/** The fabric that the stories are told on: gateways in processes of their own, started as users start them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GatewayProcess, withoutRates } from '../../test/faults/gateway-process.ts';
import { openServices } from '../services/services.ts';

export const compositions = ['embedded', 'stack'] as const;
export type Composition = (typeof compositions)[number];

export interface OpenOptions {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface Gateways extends AsyncDisposable {
  readonly addresses: readonly string[];
  /** Starts another gateway, given `environment`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What the gateways wrote down. */
  logged(): string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = ['--conditions=source', '--disable-warning=ExperimentalWarning', join(root, 'src/cli/main.ts')];
const flags = ['--json', '--port', '0', '--ops-port', '0', '--log-level', 'warn'];

const commandOf = (verb: 'up' | 'gateway'): readonly string[] => [process.execPath, ...program, verb, ...flags];

/** Opens the gateways, and whatever they need. */
export const openGateways = (composition: Composition, options: OpenOptions): Promise<Gateways> =>
  composition === 'embedded' ? openEmbedded() : openStack(options);

async function openEmbedded(): Promise<Gateways> {
  await using opening = new AsyncDisposableStack();
  const directory = opening.adopt(mkdtempSync(join(tmpdir(), 'aether-interop-')), remove);
  const gateway = await GatewayProcess.start({ command: 'up', flags: { 'data-dir': directory } });
  opening.defer(() => endWell([gateway]));
  return gatewaysOf([gateway], { command: commandOf('up'), environment: withoutRates, open: opening.move() });
}

const remove = (directory: string): void => rmSync(directory, { recursive: true });

async function openStack({ signal, log }: OpenOptions): Promise<Gateways> {
  await using opening = new AsyncDisposableStack();
  const directory = join(root, '.services/interop');
  const only = ['redis', 'rabbitmq', 'postgres'] as const;
  const services = opening.use(await openServices({ directory, only, signal, log }));
  const environment = { ...withoutRates, ...stackEnvironment(services.environment) };
  const replicas: GatewayProcess[] = [];
  opening.defer(() => endWell(replicas));
  for (let count = 0; count < 2; count += 1)
    replicas.push(await GatewayProcess.start({ command: 'gateway', env: environment }));
  return gatewaysOf(replicas, { command: commandOf('gateway'), environment, open: opening.move() });
}

/** Where the private services are, in the words of the product. */
const stackEnvironment = (services: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const postgres = new URL(addressIn(services, 'AETHER_TEST_POSTGRES'));
  return {
    REDIS_ADDR: addressIn(services, 'AETHER_TEST_REDIS'),
    STREAM_URL: addressIn(services, 'AETHER_TEST_RABBITMQ_STREAM'),
    AMQP_URL: addressIn(services, 'AETHER_TEST_RABBITMQ_AMQP'),
    POSTGRES_HOST: postgres.hostname,
    POSTGRES_PORT: postgres.port,
    POSTGRES_USER: postgres.username,
    POSTGRES_DB: 'postgres',
  };
};

const addressIn = (services: Readonly<Record<string, string>>, name: string): string => {
  const address = services[name];
  if (address === undefined) throw new Error(`the services do not say ${name}`);
  return address;
};

interface GatewaysOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly open: AsyncDisposableStack;
}

const gatewaysOf = (
  processes: readonly GatewayProcess[],
  { command, environment, open }: GatewaysOptions,
): Gateways => ({
  addresses: processes.map(({ address }) => address),
  command,
  environment,
  logged: () => processes.map(({ log }) => log).join(''),
  [Symbol.asyncDispose]: () => open.disposeAsync(),
});

/** Stops gateways as an operator does. That they cannot, or are gone already, is a fault of theirs. */
async function endWell(processes: readonly GatewayProcess[]): Promise<void> {
  const codes = await Promise.all(processes.map((gateway) => gateway.end('SIGTERM')));
  if (codes.some((code) => code !== 0)) throw new Error(`the gateways ended with ${codes.join(' and ')}`);
}
