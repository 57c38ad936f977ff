/** Several gateways on one gRPC port and one ops port, as the command line starts them with `--workers`. */
import { systemClock } from '../adapters/system/system-clock.ts';
import { openOpsServer } from '../admin/ops-server.ts';
import type { Config } from '../config/schema.ts';
import { FabricError } from '../model/error.ts';
import type { Log } from '../ports/log.ts';
import { type WorkerFacts, Workers } from '../workers/workers.ts';
import { refuseOpenListening } from './listening.ts';

export interface SupervisedServer extends AsyncDisposable {
  readonly grpcPort: number;
  readonly opsPort: number;
  /** Those that serve now. */
  workers(): readonly WorkerFacts[];
  /** Ends all of them at once. */
  kill(): void;
}

interface SupervisedDeps {
  readonly log: Log;
  /** What a worker's process runs. */
  readonly program: URL;
}

/** A worker drains as long as a gateway may, and then has files and connections to close. */
const stopMarginMs = 10_000;

/** Resolves once all workers serve. Disposing it drains all of them. */
export const openSupervisedServer = async (
  config: Config,
  { log, program }: SupervisedDeps,
): Promise<SupervisedServer> => {
  const { gateway, drain_timeout: drainTimeoutMs } = config;
  refuseOpenListening(config);
  refuseEmbedded(config);
  const running: { workers?: Workers } = {};
  await using opened = new AsyncDisposableStack();
  const ops = opened.use(
    await openOpsServer(config.ops, {
      hasStarted: () => running.workers !== undefined,
      health: { ask: async () => (await running.workers?.health()) ?? { ready: false, checks: {} } },
      metrics: {
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        text: async () => (await running.workers?.metrics()) ?? '',
      },
    }),
  );
  const options = {
    count: gateway.workers,
    program,
    configOf: (number: number) => configOf(config, number),
    host: gateway.host,
    port: gateway.port,
    stopTimeoutMs: drainTimeoutMs + stopMarginMs,
  };
  const workers = opened.use(await Workers.open(options, { clock: systemClock, log }));
  running.workers = workers;
  const stack = opened.move();
  return {
    grpcPort: workers.port,
    opsPort: ops.port,
    workers: () => workers.list(),
    kill: () => workers.kill(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** Its log and state have one writer, and what its gateways would have to tell each other is in one memory. */
const refuseEmbedded = ({ mode, gateway: { workers } }: Config): void => {
  if (mode !== 'embedded') return;
  throw new FabricError(
    'CONFIG_INVALID',
    `the embedded fabric is one process and cannot have ${workers} workers: for more cores run \`aether gateway --workers ${workers}\` on Redis, RabbitMQ and Postgres, or leave --workers out`,
  );
};

/** Each worker is a gateway of its own, so a name given to all of them is numbered. */
const configOf = (config: Config, number: number): Config => {
  const { id } = config.gateway;
  return id === '' ? config : { ...config, gateway: { ...config.gateway, id: `${id}-${number}` } };
};
