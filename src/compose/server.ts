/**
 * One gateway process as the command line starts it: a composition, the fabric on it, and the ops server beside it.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { openPrometheus } from '../adapters/prometheus/prometheus-metrics.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import { type Check, type Health, HealthChecks } from '../admin/health.ts';
import { openOpsServer } from '../admin/ops-server.ts';
import type { Config } from '../config/schema.ts';
import type { GrpcServerSettings } from '../gateway/grpc-server.ts';
import { FabricError } from '../model/error.ts';
import { unacknowledgedBytesMax } from '../model/limits.ts';
import type { Log } from '../ports/log.ts';
import type { Composition, OpenComposition } from './composition.ts';
import { type Fabric, type FabricSettings, openFabric } from './fabric.ts';
import { refuseOpenListening } from './listening.ts';

export interface FabricServer extends AsyncDisposable {
  readonly gatewayId: string;
  readonly grpcPort: number;
  readonly opsPort: number;
  /** What it runs on, in a few words. */
  readonly summary: string;
  /** Streams that are being served. */
  connections(): number;
}

/** A gateway that is handed its connections and has no ops server: its supervisor has both ports. */
export interface WorkerServer extends AsyncDisposable {
  readonly gatewayId: string;
  readonly summary: string;
  connections(): number;
  take(connection: Socket): void;
  health(): Promise<Health>;
  metrics(): Promise<string>;
}

export interface ServerDeps {
  readonly version: string;
  readonly log: Log;
  /** In place of the composition the configuration names: for tests that break one of its promises. */
  readonly open?: OpenComposition;
}

/** What is there so far. */
interface Running {
  composition?: Composition;
  fabric?: Fabric;
}

/** What can be asked of a gateway, also while it starts. */
interface Watched {
  readonly running: Running;
  readonly prometheus: ReturnType<typeof openPrometheus>;
  readonly health: HealthChecks;
}

/** Resolves once it serves. Disposing it drains, then closes everything it opened. */
export const openServer = async (config: Config, deps: ServerDeps): Promise<FabricServer> => {
  refuseOpenListening(config);
  const watched = watch();
  const hasStarted = (): boolean => watched.running.fabric !== undefined;
  await using opened = new AsyncDisposableStack();
  const ops = opened.use(
    await openOpsServer(config.ops, { health: watched.health, metrics: watched.prometheus, hasStarted }),
  );
  const { fabric, ...facts } = opened.use(await openGateway(config, { ...deps, watched, port: config.gateway.port }));
  const stack = opened.move();
  return {
    ...facts,
    grpcPort: fabric.port,
    opsPort: ops.port,
    connections: () => fabric.gateway.connections,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** Resolves once it could serve. Disposing it drains, as with a server of its own. */
export const openWorker = async (config: Config, deps: ServerDeps): Promise<WorkerServer> => {
  const watched = watch();
  const { fabric, ...gateway } = await openGateway(config, { ...deps, watched, port: 'handed' });
  return {
    ...gateway,
    connections: () => fabric.gateway.connections,
    take: (connection) => fabric.take(connection),
    health: () => watched.health.ask(),
    metrics: () => watched.prometheus.text(),
  };
};

const watch = (): Watched => {
  const running: Running = {};
  const health = new HealthChecks(() => checksOf(running), systemClock);
  return { running, health, prometheus: openPrometheus() };
};

interface OpenGateway extends AsyncDisposable {
  readonly gatewayId: string;
  readonly summary: string;
  readonly fabric: Fabric;
}

const openGateway = async (
  config: Config,
  deps: ServerDeps & { readonly watched: Watched; readonly port: GrpcServerSettings['port'] },
): Promise<OpenGateway> => {
  const { version, log, port } = deps;
  const { running, prometheus } = deps.watched;
  const gatewayId = config.gateway.id || ownName();
  const open = deps.open ?? (await compositionOf(config));
  const { metrics } = prometheus;
  const given = { clock: systemClock, entropy: systemEntropy, log: log.child({ gateway: gatewayId }), metrics };
  await using opened = new AsyncDisposableStack();
  const composition = opened.use(await open(config, given));
  running.composition = composition;
  const fabric = opened.use(await openFabric(composition.ports, settingsOf(config, { gatewayId, version, port })));
  running.fabric = fabric;
  const stack = opened.move();
  return {
    gatewayId,
    summary: composition.summary,
    fabric,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** Of the machine and the process. */
const ownName = (): string =>
  `${hostname()
    .replaceAll(/[^\w.-]/g, '-')
    .slice(0, 40)}-${process.pid}`;

/** Only what the composition needs is loaded: a newcomer's start waits for no broker client. */
const compositionOf = async ({ mode }: Config): Promise<OpenComposition> =>
  mode === 'embedded' ? (await import('./embedded.ts')).openEmbedded : (await import('./stack.ts')).openStack;

const checksOf = ({ composition, fabric }: Running): readonly Check[] => [
  { name: 'gateway', check: () => checkGateway(fabric) },
  ...(composition?.checks ?? []),
];

const checkGateway = (fabric: Fabric | undefined): Promise<void> => {
  const fault = fabric === undefined ? 'starting' : gatewayFault(fabric);
  return fault === undefined ? Promise.resolve() : Promise.reject(new FabricError('DRAINING', fault));
};

const gatewayFault = ({ gateway, presence }: Fabric): string | undefined => {
  if (!gateway.isServing) return 'draining';
  return presence.isReady() ? undefined : 'holds no lease: the lease store does not answer';
};

/** Where nobody else could take an identity over, a process that stands still for a moment need not lose any. */
const patienceMs = 10_000;

const settingsOf = (
  config: Config,
  { gatewayId, version, port }: { gatewayId: string; version: string; port: GrpcServerSettings['port'] },
): FabricSettings => ({
  version,
  presence: {
    gatewayId,
    identityTtlMs: config.leases.identity_ttl,
    identityRenewEveryMs: config.leases.identity_renew,
    gatewayTtlMs: Math.max(config.leases.gateway_ttl, config.mode === 'embedded' ? patienceMs : 0),
    gatewayRenewEveryMs: config.leases.gateway_renew,
    marginMs: config.leases.margin,
  },
  listen: { host: config.gateway.host, port, tls: tlsOf(config) },
  acks: {
    timeoutMs: config.acks.timeout,
    attemptsMax: config.acks.attempts,
    outstandingMax: config.acks.outstanding,
    outstandingBytesMax: unacknowledgedBytesMax,
  },
  delayMaxMs: config.delays.max_ahead,
  slowConsumerMs: config.gateway.slow_consumer_timeout,
  kv: {
    defaultTtlMs: config.kv.default_ttl,
    maxTtlMs: config.kv.max_ttl,
    encryptionKeys: config.kv.encryption_keys.map((key) => Buffer.from(key, 'base64')),
  },
  checkpoints: { defaultTtlMs: config.checkpoints.default_ttl },
  quotas: { ...config.quotas, kv_value_size: config.kv.max_value_size },
  drainTimeoutMs: config.drain_timeout,
});

const tlsOf = ({ gateway: { tls } }: Config): GrpcServerSettings['tls'] => {
  if (!tls.enabled) return undefined;
  if (tls.cert_file === '' || tls.key_file === '')
    throw new FabricError('CONFIG_INVALID', 'TLS needs a certificate and its key: --cert-file and --key-file');
  const pair = { certificate: readPem(tls.cert_file), key: readPem(tls.key_file) };
  return tls.ca_file === '' ? pair : { ...pair, clientCa: readPem(tls.ca_file) };
};

const readPem = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FabricError('CONFIG_INVALID', `cannot read ${file}`, { cause });
  }
};
