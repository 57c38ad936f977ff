/**
 * Whether this process can do its work: a set of named checks, each asked with a time limit and at most once a second,
 * however often the probes come.
 */
import type { Clock } from '../ports/clock.ts';

export interface Check {
  readonly name: string;
  /** Resolves when the dependency answers; rejects with what is wrong. */
  readonly check: (options: { readonly signal: AbortSignal }) => Promise<void>;
}

export interface CheckResult {
  readonly status: 'ok' | 'error';
  readonly latency_ms: number;
  readonly error?: string;
}

export interface Health {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

const freshMs = 1000;
const timeoutMs = 2000;

export class HealthChecks {
  readonly #checks: () => readonly Check[];
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly health: Promise<Health> } | undefined;

  /** `checks` is asked each time: dependencies appear while the process starts. */
  constructor(checks: () => readonly Check[], clock: Clock) {
    this.#checks = checks;
    this.#clock = clock;
  }

  ask(): Promise<Health> {
    const nowMs = this.#clock.monotonic();
    if (this.#last === undefined || nowMs - this.#last.atMs > freshMs)
      this.#last = { atMs: nowMs, health: this.#askAll() };
    return this.#last.health;
  }

  async #askAll(): Promise<Health> {
    const results = await Promise.all(
      this.#checks().map(async (check) => [check.name, await this.#run(check)] as const),
    );
    return { ready: results.every(([, { status }]) => status === 'ok'), checks: Object.fromEntries(results) };
  }

  async #run({ check }: Check): Promise<CheckResult> {
    const startedMs = this.#clock.monotonic();
    const late = Promise.withResolvers<never>();
    const overdue = new AbortController();
    const timer = this.#clock.schedule(timeoutMs, () => {
      overdue.abort();
      late.reject(new Error(`no answer within ${timeoutMs} ms`));
    });
    const error = await Promise.race([check({ signal: overdue.signal }), late.promise]).then(
      () => undefined,
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    );
    timer.cancel();
    const latency_ms = Math.round((this.#clock.monotonic() - startedMs) * 10) / 10;
    return error === undefined ? { status: 'ok', latency_ms } : { status: 'error', latency_ms, error };
  }
}
