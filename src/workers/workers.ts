/**
 * Several gateways behind one port. This process has the port and serves nobody: it hands the connections to the
 * workers in turn, starts another for one that ends, and speaks for all of them where health and
 * metrics are asked for. The port goes with it: workers never hold it, and drain when it is gone.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { CheckResult, Health } from '../admin/health.ts';
import { FabricError } from '../model/error.ts';
import { connectionsWaitingMax } from '../model/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { type MetricsPage, mergeMetrics } from './merged-metrics.ts';
import { Seat } from './seat.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface WorkersOptions {
  readonly count: number;
  /** What each of them runs. */
  readonly program: URL;
  readonly configOf: (number: number) => object;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** How long a stop waits for workers beyond this they are killed. */
  readonly stopTimeoutMs: number;
}

interface WorkersDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export interface WorkerFacts {
  readonly worker: number;
  readonly gateway: string;
  readonly pid: number;
}

export class Workers implements AsyncDisposable {
  readonly #options: WorkersOptions;
  readonly #deps: WorkersDeps;
  readonly #seats: readonly Seat[];
  readonly #server: Server;
  /** Connections that nobody has been free to take. */
  readonly #waiting: Socket[] = [];
  /** Who got the last one. */
  #turn = -1;
  #hasStarted = false;

  /** Resolves when all of them serve. Throws what keeps one from starting; `CONFIG_INVALID` where the port is taken. */
  static async open(options: WorkersOptions, deps: WorkersDeps): Promise<Workers> {
    const server = await listen(options);
    const workers = new Workers(options, deps, server);
    try {
      await Promise.all(workers.#seats.map(({ first }) => first));
    } catch (thrown) {
      workers.kill();
      server.close();
      throw thrown;
    }
    workers.#hasStarted = true;
    return workers;
  }

  private constructor(options: WorkersOptions, deps: WorkersDeps, server: Server) {
    this.#options = options;
    this.#deps = deps;
    this.#server = server;
    const { count, program, configOf } = options;
    this.#seats = Array.from({ length: count }, (_, index) => {
      const number = index + 1;
      return new Seat({ ...deps, program, number, config: configOf(number), onServing: () => this.#handOn() });
    });
    server.on('connection', (connection) => this.#accept(connection));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Those that serve now. */
  list(): readonly WorkerFacts[] {
    return this.#seats.flatMap(({ number, serving, gatewayId }) =>
      serving === undefined ? [] : [{ worker: number, gateway: gatewayId, pid: serving.pid }],
    );
  }

  /** Ready where all of them are. */
  async health(): Promise<Health> {
    const named = await Promise.all(
      this.#seats.map(async (seat) =>
        (await seat.checks()).map(([name, check]): [string, CheckResult] => [`worker-${seat.number}/${name}`, check]),
      ),
    );
    const checks = named.flat();
    return { ready: checks.every(([, { status }]) => status === 'ok'), checks: Object.fromEntries(checks) };
  }

  /** Of all that answer, and how many do. */
  async metrics(): Promise<string> {
    const pages = await Promise.all(this.#seats.map(pageOf));
    const serving = this.#seats.filter((seat) => seat.serving !== undefined).length;
    return [...measures(serving, this.#seats), mergeMetrics(pages.flat())].join('\n');
  }

  /** Ends them where they stand. */
  kill(): void {
    for (const seat of this.#seats) seat.kill();
  }

  /** Takes no more connections, lets each worker drain, and ends those that do not come to an end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, log } = this.#deps;
    this.#server.close();
    for (const connection of this.#waiting.splice(0)) connection.destroy();
    for (const seat of this.#seats) seat.drain();
    const late = clock.schedule(this.#options.stopTimeoutMs, () => {
      log.warn('workers did not come to an end; they are killed');
      this.kill();
    });
    await Promise.all(this.#seats.map(({ stopped }) => stopped));
    late.cancel();
  }

  #accept(connection: Socket): void {
    connection.on('error', () => undefined);
    if (this.#waiting.length >= connectionsWaitingMax) return void connection.destroy();
    this.#waiting.push(connection);
    this.#handOn();
  }

  /**
   * To the workers in turn, one connection on its way to each: so they get as many each, and one that stands still holds
   * up no more than the one that is on its way to it.
   */
  #handOn(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#nextFree();
      if (worker === undefined) return;
      const connection = this.#waiting.shift();
      if (connection !== undefined) worker.take(connection, () => this.#handOn());
    }
  }

  #nextFree(): WorkerProcess | undefined {
    const { length } = this.#seats;
    for (let step = 1; step <= length; step += 1) {
      const turn = (this.#turn + step) % length;
      const worker = this.#seats[turn]?.serving;
      if (worker === undefined || worker.isTaking) continue;
      this.#turn = turn;
      return worker;
    }
    return undefined;
  }
}

/** What arrives is left unread for the worker. */
const listen = async ({ host, port }: WorkersOptions): Promise<Server> => {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${said}; choose another with --port`, {
      cause,
    });
  });
  return server;
};

const pageOf = async ({ number, serving }: Seat): Promise<readonly MetricsPage[]> => {
  try {
    return serving === undefined ? [] : [{ worker: number, text: await serving.ask('metrics') }];
  } catch {
    // It ended, or stands still: `aether_workers_serving` and readiness say so.
    return [];
  }
};

const measures = (serving: number, seats: readonly Seat[]): readonly string[] => [
  '# HELP aether_workers Workers there should be.',
  '# TYPE aether_workers gauge',
  `aether_workers ${seats.length}`,
  '',
  '# HELP aether_workers_serving Workers that serve.',
  '# TYPE aether_workers_serving gauge',
  `aether_workers_serving ${serving}`,
  '',
  '# HELP aether_worker_restarts_total Workers that were started in place of one that ended.',
  '# TYPE aether_worker_restarts_total counter',
  ...seats.map(({ number, restarts }) => `aether_worker_restarts_total{worker="${number}"} ${restarts}`),
  '',
];
