/**
 * A worker's place: there is a process in it, or one is on its way. One that ends is followed by another, at once at
 * first and later the more slowly the sooner each ends; never by none, since the others go on serving.
 */
import type { CheckResult } from '../admin/health.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { type Serving, WorkerProcess } from './worker-process.ts';

export interface SeatOptions {
  readonly program: URL;
  readonly number: number;
  readonly config: object;
  readonly clock: Clock;
  readonly log: Log;
  readonly onServing: () => void;
}

type State =
  | { readonly kind: 'starting'; readonly worker: WorkerProcess }
  | ({ readonly kind: 'serving'; readonly worker: WorkerProcess } & Serving)
  | { readonly kind: 'pausing'; readonly why: string };

const firstPauseMs = 100;
const longestPauseMs = 15_000;
/** One that served so long is not taken for one that cannot. */
const provenMs = 60_000;

export class Seat {
  readonly #options: SeatOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #first = Promise.withResolvers<Serving>();
  #state: State;
  #restarts = 0;
  #pauseMs = firstPauseMs;

  constructor(options: SeatOptions) {
    this.#options = options;
    const worker = new WorkerProcess(options);
    this.#state = { kind: 'starting', worker };
    this.#first.promise.catch(() => undefined);
    this.#running = this.#run(worker);
  }

  get number(): number {
    return this.#options.number;
  }

  /** Whether its first worker serves; rejects with what keeps that from starting. */
  get first(): Promise<Serving> {
    return this.#first.promise;
  }

  /** Resolves when the worker that was told to drain is gone. */
  get stopped(): Promise<void> {
    return this.#running;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Who takes connections here. */
  get serving(): WorkerProcess | undefined {
    return this.#state.kind === 'serving' ? this.#state.worker : undefined;
  }

  get gatewayId(): string {
    return this.#state.kind === 'serving' ? this.#state.gatewayId : '';
  }

  /** The worker's own checks, or what stands in its place. */
  async checks(): Promise<readonly (readonly [string, CheckResult])[]> {
    const worker = this.serving;
    try {
      if (worker === undefined) throw new Error(this.#state.kind === 'pausing' ? this.#state.why : 'starting');
      return Object.entries((await worker.ask('health')).checks);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : String(thrown);
      return [['gateway', { status: 'error', latency_ms: 0, error }]];
    }
  }

  /** Nobody follows the present worker, which finishes what is under way. */
  drain(): void {
    this.#closing.abort();
    if (this.#state.kind !== 'pausing') this.#state.worker.drain();
  }

  kill(): void {
    this.#closing.abort();
    if (this.#state.kind !== 'pausing') this.#state.worker.kill();
  }

  async #run(first: WorkerProcess): Promise<void> {
    const { signal } = this.#closing;
    for (let worker = first; ; worker = new WorkerProcess(this.#options)) {
      this.#state = { kind: 'starting', worker };
      const servedMs = await this.#serve(worker);
      this.#pauseMs = servedMs > provenMs ? firstPauseMs : Math.min(this.#pauseMs * 2, longestPauseMs);
      await this.#pause(worker);
      if (signal.aborted) return;
      this.#restarts += 1;
    }
  }

  /** After a worker's end; for no time where nobody is to follow it. */
  async #pause(worker: WorkerProcess): Promise<void> {
    const { clock, log, number } = this.#options;
    const { signal } = this.#closing;
    const why = await worker.ended;
    this.#state = { kind: 'pausing', why: `ended: ${why}` };
    if (signal.aborted) return;
    log.error('worker ended; another takes its place', { worker: number, why, after_ms: this.#pauseMs });
    await clock.sleep(this.#pauseMs, { signal }).catch(() => undefined);
  }

  /** Resolves when it has ended, with how long it has served. */
  async #serve(worker: WorkerProcess): Promise<number> {
    const { clock, log, number, onServing } = this.#options;
    try {
      const opened = await worker.opened;
      const sinceMs = clock.monotonic();
      this.#state = { kind: 'serving', worker, ...opened };
      this.#first.resolve(opened);
      log.info('worker serves', { worker: number, gateway: opened.gatewayId, pid: worker.pid });
      onServing();
      await worker.ended;
      return clock.monotonic() - sinceMs;
    } catch (cause) {
      this.#first.reject(cause);
      // Of the first, whoever waits for it says why.
      if (this.#restarts > 0) log.error('worker could not start', { worker: number, cause });
      await worker.ended;
      return 0;
    }
  }
}
