/**
 * One gateway process as the command line starts it: a composition, the fabric on it, and the ops server beside it.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { openPrometheus } from '../adapters/prometheus/prometheus-metrics.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import { type Check, HealthChecks } from '../admin/health.ts';
import { openOpsServer } from '../admin/ops-server.ts';
import type { Config } from '../config/schema.ts';
import type { GrpcServerSettings } from '../gateway/grpc-server.ts';
import { FabricError } from '../model/error.ts';
import { unacknowledgedBytesMax } from '../model/limits.ts';
import type { Log } from '../ports/log.ts';
import type { Composition, OpenComposition } from './composition.ts';
import { type Fabric, type FabricSettings, openFabric } from './fabric.ts';

export interface FabricServer extends AsyncDisposable {
  readonly gatewayId: string;
  readonly grpcPort: number;
  readonly opsPort: number;
  /** What it runs on, in a few words. */
  readonly summary: string;
  /** Streams that are being served. */
  connections(): number;
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

/** Resolves once it serves. Disposing it drains, then closes everything it opened. */
export const openServer = async (config: Config, deps: ServerDeps): Promise<FabricServer> => {
  const { version, log } = deps;
  refuseOpenListening(config);
  const gatewayId =
    config.gateway.id ||
    `${hostname()
      .replaceAll(/[^\w.-]/g, '-')
      .slice(0, 40)}-${process.pid}`;
  const settings = settingsOf(config, { gatewayId, version });
  const prometheus = openPrometheus();
  const running: Running = {};
  const health = new HealthChecks(() => checksOf(running), systemClock);
  await using opened = new AsyncDisposableStack();
  const hasStarted = (): boolean => running.fabric !== undefined;
  const ops = opened.use(await openOpsServer(config.ops, { health, metrics: prometheus, hasStarted }));
  const open = deps.open ?? (await compositionOf(config));
  const { metrics } = prometheus;
  const given = { clock: systemClock, entropy: systemEntropy, log: log.child({ gateway: gatewayId }), metrics };
  running.composition = opened.use(await open(config, given));
  const fabric = opened.use(await openFabric(running.composition.ports, settings));
  running.fabric = fabric;
  const stack = opened.move();
  return {
    gatewayId,
    grpcPort: fabric.port,
    opsPort: ops.port,
    summary: running.composition.summary,
    connections: () => fabric.gateway.connections,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

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

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Without access control a gateway must not be found by others by accident. */
const refuseOpenListening = ({ gateway: { host, insecure } }: Config): void => {
  if (insecure || loopback.test(host)) return;
  throw new FabricError(
    'CONFIG_INVALID',
    `refusing to listen on ${host}: there is no access control yet, so anybody who reaches this address could be anyone. ` +
      'Listen on 127.0.0.1, or say --insecure where the network keeps strangers out.',
  );
};

/** Where nobody else could take an identity over, a process that stands still for a moment need not lose any. */
const patienceMs = 10_000;

const settingsOf = (
  config: Config,
  { gatewayId, version }: { gatewayId: string; version: string },
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
  listen: { host: config.gateway.host, port: config.gateway.port, tls: tlsOf(config) },
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
    valueBytesMax: config.kv.max_value_size,
    encryptionKeys: config.kv.encryption_keys.map((key) => Buffer.from(key, 'base64')),
  },
  checkpoints: { defaultTtlMs: config.checkpoints.default_ttl },
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
