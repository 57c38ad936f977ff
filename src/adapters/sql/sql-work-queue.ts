/**
 * Competing work in one table. Whoever claims an item has it for `claimTtlMs` and renews the claim while it lives, so
 * the items of a process that was killed are free again after that time at most. The attempt number fences: whoever
 * was too slow can neither complete nor renew what somebody else has claimed since (I3).
 *
 *     free ──claim, attempt + 1──▶ claimed ──complete──▶ gone
 *      ▲                              │
 *      └──────release, deadline───────┘
 *
 * Consumers hear at once of what their own process pushes or releases, and of the rest by asking every `pollEveryMs`.
 */
import { untilAborted } from '../../model/until-aborted.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { WorkItem, WorkQueue } from '../../ports/work-queue.ts';
import { Gathering } from './gathering.ts';
import type { SqlDatabase } from './sql-database.ts';
import { WorkConsumer } from './work-consumer.ts';
import { WorkLane } from './work-lane.ts';
import { bytesOf, type Claim, type Push, WorkStatements } from './work-statements.ts';

export interface WorkQueueOptions {
  readonly claimTtlMs: number;
  readonly pollEveryMs: number;
}

export const defaultWorkQueueOptions: WorkQueueOptions = { claimTtlMs: 30_000, pollEveryMs: 500 };

interface WorkQueueDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly log: Log;
}

const renewalsPerTtl = 3;
const claimBytes = 32;
/** A failed completion or release is tried again after this; past the claim's deadline it means nothing any more. */
const retryAfterMs = 1000;

interface Release {
  readonly topic: string;
  readonly claim: Claim;
}

export class SqlWorkQueue implements WorkQueue, AsyncDisposable {
  readonly #options: WorkQueueOptions;
  readonly #deps: WorkQueueDeps;
  readonly #statements: WorkStatements;
  readonly #pushes: Gathering<Push>;
  readonly #completions: Gathering<Claim>;
  readonly #releases: Gathering<Release>;
  /** Of the topics that somebody consumes. */
  readonly #lanes = new Map<string, WorkLane>();
  readonly #closing = new AbortController();
  readonly #running: Promise<unknown>;

  /** Where no other process uses the database, nobody can have a claim yet: those of the dead end here. */
  static async open(options: WorkQueueOptions, deps: WorkQueueDeps): Promise<SqlWorkQueue> {
    const statements = new WorkStatements({ ...deps, claimTtlMs: options.claimTtlMs });
    if (!deps.database.dialect.isShared) await statements.releaseAll();
    return new SqlWorkQueue(options, deps, statements);
  }

  private constructor(options: WorkQueueOptions, deps: WorkQueueDeps, statements: WorkStatements) {
    this.#options = options;
    this.#deps = deps;
    this.#statements = statements;
    const { clock } = deps;
    this.#pushes = new Gathering({
      clock,
      flush: (pushes) => statements.push(pushes),
      bytesOf: ({ parts }) => bytesOf(parts),
    });
    this.#completions = new Gathering({
      clock,
      flush: (claims) => this.#persist('complete', () => statements.complete(claims)),
      bytesOf: () => claimBytes,
    });
    this.#releases = new Gathering({ clock, flush: (releases) => this.#release(releases), bytesOf: () => claimBytes });
    this.#running = Promise.all([
      this.#repeat(options.claimTtlMs / renewalsPerTtl, () => this.#renew()),
      this.#repeat(deps.database.dialect.isShared ? options.pollEveryMs : options.claimTtlMs, () => this.#poll()),
    ]);
  }

  async push(topic: string, parts: readonly Uint8Array[]): Promise<void> {
    await this.#pushes.add({ topic, parts });
    this.#lanes.get(topic)?.hear();
  }

  async *consume(
    topic: string,
    { credit, signal }: { readonly credit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<WorkItem> {
    const lane = this.#lane(topic);
    const consumer = new WorkConsumer({
      credit,
      complete: (claim) => {
        void this.#completions.add(claim);
        lane.hasRoom();
      },
      release: (claim) => {
        void this.#releases.add({ topic, claim });
        lane.hasRoom();
      },
    });
    const leave = (): void => this.#leave(topic, lane, consumer);
    signal.addEventListener('abort', leave, { once: true });
    lane.add(consumer);
    if (signal.aborted || this.#closing.signal.aborted) leave();
    try {
      yield* consumer.items();
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  /** Ends all consumers, and waits until what they had open is given back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const lanes = [...this.#lanes];
    for (const [topic, lane] of lanes) for (const consumer of lane.consumers) this.#leave(topic, lane, consumer);
    await Promise.all([this.#running, ...lanes.map(([, lane]) => lane.idle())]);
    await Promise.all([this.#pushes.idle(), this.#completions.idle(), this.#releases.idle()]);
  }

  #lane(topic: string): WorkLane {
    let lane = this.#lanes.get(topic);
    if (lane === undefined) {
      lane = new WorkLane({
        clock: this.#deps.clock,
        claim: (limit) => this.#statements.claim(topic, limit),
        release: (claim) => void this.#releases.add({ topic, claim }),
      });
      this.#lanes.set(topic, lane);
    }
    return lane;
  }

  #leave(topic: string, lane: WorkLane, consumer: WorkConsumer): void {
    consumer.end();
    lane.remove(consumer);
    if (lane.consumers.size === 0 && this.#lanes.get(topic) === lane) this.#lanes.delete(topic);
  }

  async #release(releases: readonly Release[]): Promise<void> {
    await this.#persist('release', () => this.#statements.release(releases.map(({ claim }) => claim)));
    for (const topic of topicsOf(releases)) this.#lanes.get(topic)?.hear();
  }

  /** Never rejects: what cannot be stored before the deadline of the claims comes to pass by it. */
  async #persist(step: string, run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#closing;
    const deadlineMs = clock.monotonic() + this.#options.claimTtlMs;
    const attempt = (): Promise<boolean> =>
      run().then(
        () => true,
        (cause: unknown) => {
          log.warn('end of work could not be stored', { step, cause });
          return signal.aborted || clock.monotonic() >= deadlineMs;
        },
      );
    while (!(await attempt())) await clock.sleep(retryAfterMs, { signal }).catch(() => undefined);
  }

  #repeat(pauseMs: number, run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    const onFailure = (cause: unknown): void => log.warn('work queue could not be asked', { cause });
    return untilAborted({ clock, signal: this.#closing.signal, pauseMs, onFailure }, run);
  }

  async #renew(): Promise<void> {
    const claims: Claim[] = [];
    for (const { consumers } of this.#lanes.values()) for (const consumer of consumers) claims.push(...consumer.claims);
    if (claims.length > 0) await this.#statements.renew(claims);
  }

  async #poll(): Promise<void> {
    const topics = [...this.#lanes].filter(([, lane]) => lane.isWaiting).map(([topic]) => topic);
    if (topics.length === 0) return;
    for (const topic of await this.#statements.withWork(topics)) this.#lanes.get(topic)?.hear();
  }
}

const topicsOf = (releases: readonly Release[]): ReadonlySet<string> => new Set(releases.map(({ topic }) => topic));
