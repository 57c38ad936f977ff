/**
 * Stands before a store that may be down, so that nobody waits for its timeouts but the first who meet them. It opens when
 * the store was unavailable and answered nothing else meanwhile, never by a guess; while it is open, what is asked is
 * refused at once, with when to come again. Every second one is let through, and the first that is answered closes it for
 * all:
 *
 *     closed ──unavailable, nothing answered──▶ open ──answered──▶ closed
 */
import { asFabricError, FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Level, Metrics } from '../ports/metrics.ts';

export interface CircuitDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

type State =
  | { readonly is: 'closed' }
  /** Nothing is asked before `nextMs`, and then one. */
  | { readonly is: 'open'; readonly cause: FabricError; nextMs: number };

const pauseMs = 1000;
/** A store that has answered within this time is not down, whatever it cannot do: it may be full, or lack a part. */
const aliveMs = 1000;
/** Longer than any store takes to fail. Where nobody has asked for so long, an outage says nothing any more. */
const forgetMs = 30_000;

export class Circuit {
  readonly #subsystem: string;
  readonly #deps: CircuitDeps;
  readonly #level: Level;
  #state: State = { is: 'closed' };
  #answeredAtMs = -Infinity;

  /** `subsystem` names it for operators and clients. */
  constructor(subsystem: string, deps: CircuitDeps) {
    this.#subsystem = subsystem;
    this.#deps = deps;
    this.#level = deps.metrics
      .gauge({
        name: 'aether_circuit_breaker_state',
        help: 'Whether what is asked of a store is refused at once because it is down: 0 no, 1 yes.',
        labels: ['subsystem'],
      })
      .at({ subsystem });
    this.#level.set(0);
  }

  /** Why the store is down, while it is. */
  get outage(): FabricError | undefined {
    return this.#state.is === 'open' ? this.#state.cause : undefined;
  }

  /** Why the store is not to be asked now. Who gets nothing asks it, and says by `settle` what came of it. */
  refusal(): FabricError | undefined {
    const state = this.#state;
    if (state.is === 'closed') return undefined;
    const nowMs = this.#deps.clock.monotonic();
    const leftMs = state.nextMs - nowMs;
    if (leftMs > 0)
      return new FabricError('ERR_CIRCUIT_OPEN', `${this.#subsystem} temporarily unavailable, please retry`, {
        retryAfterMs: Math.ceil(leftMs),
        cause: state.cause,
      });
    if (leftMs > -forgetMs) state.nextMs = nowMs + pauseMs;
    else this.#close();
    return undefined;
  }

  /** Hears what comes of something asked just now. Never rejects. */
  settle(answer: Promise<unknown>): void {
    const askedAtMs = this.#deps.clock.monotonic();
    answer.then(
      () => this.#answered(),
      (thrown: unknown) => {
        const cause = asFabricError(thrown);
        // This gateway has stopped waiting, which says nothing of the store.
        if (cause.reason === 'LEASE_LOST') return;
        // Whatever else it says, it is there to say it.
        if (cause.reason === 'STORE_UNAVAILABLE') this.#failed(cause, askedAtMs);
        else this.#answered();
      },
    );
  }

  /** Asks, or refuses to. */
  run<Value>(ask: () => Promise<Value>): Promise<Value> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const answer = ask();
    this.settle(answer);
    return answer;
  }

  #failed(cause: FabricError, askedAtMs: number): void {
    const nowMs = this.#deps.clock.monotonic();
    if (this.#state.is === 'open' || this.#answeredAtMs >= Math.min(askedAtMs, nowMs - aliveMs)) return;
    this.#state = { is: 'open', cause, nextMs: nowMs + pauseMs };
    this.#level.set(1);
    this.#deps.log.warn('store is down, it is asked only every second', { subsystem: this.#subsystem, cause });
  }

  #answered(): void {
    this.#answeredAtMs = this.#deps.clock.monotonic();
    if (this.#state.is === 'closed') return;
    this.#close();
    this.#deps.log.info('store is back', { subsystem: this.#subsystem });
  }

  #close(): void {
    this.#state = { is: 'closed' };
    this.#level.set(0);
  }
}
