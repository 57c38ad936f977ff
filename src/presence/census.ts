/**
 * Which gateways there are, looked at as often as a gateway renews its lease, so that one that has gone is fenced off
 * though nobody follows one of its sessions: the leases of these may have run out by then, or been lost with the store's
 * data, and whoever takes one of its identities anew knows of no session before.
 */
import { pageSizeMax } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { Fencing } from './fencing.ts';
import { keeperLeaseName } from './gateway-lease.ts';
import type { Keepers } from './keepers.ts';

interface CensusDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly keepers: Keepers;
  readonly fencing: Fencing;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

export class Census {
  readonly #deps: CensusDeps;
  readonly #present = new Set<string>();
  /** Of gateways that are there no more and not yet fenced off. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #running: Promise<void>;
  /** When the last look that came to an end began. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looked = Promise.withResolvers<void>();

  constructor(deps: CensusDeps) {
    this.#deps = deps;
    const { clock, log, everyMs, signal } = deps;
    signal.addEventListener('abort', () => this.#looked.resolve(), { once: true });
    const onFailure = (cause: unknown): void => log.debug('gateways could not be looked at', { cause });
    this.#running = untilAborted({ clock, signal, pauseMs: everyMs, onFailure }, () => this.#look());
  }

  /** Set while a gateway has gone that is not fenced off yet. */
  get fencing(): Promise<void> | undefined {
    return this.#leaving.size === 0 ? undefined : Promise.all(this.#leaving.values()).then(() => undefined);
  }

  /** Resolves when all is known of who is missing that the store could tell at that time, on the monotonic clock. */
  async lookedSince(ms: number): Promise<void> {
    while (this.#lookedMs < ms) {
      this.#deps.signal.throwIfAborted();
      await this.#looked.promise;
    }
  }

  stopped(): Promise<void> {
    return this.#running;
  }

  async #look(): Promise<void> {
    const begunMs = this.#deps.clock.monotonic();
    const found = new Set<string>();
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await this.#deps.leaseStore.list(keeperLeaseName(''), after, pageSizeMax);
      for (const { keeper } of page.records) found.add(keeper);
      after = page.next;
    }
    for (const keeper of found) {
      this.#present.add(keeper);
      // Overlooked before: it is there.
      this.#leaving.delete(keeper);
    }
    for (const keeper of this.#present) if (!found.has(keeper)) this.#leave(keeper);
    this.#lookedMs = begunMs;
    this.#looked.resolve();
    this.#looked = Promise.withResolvers();
  }

  #leave(keeper: string): void {
    this.#present.delete(keeper);
    this.#leaving.set(keeper, this.#fence(keeper));
  }

  async #fence(keeper: string): Promise<void> {
    const { keepers, fencing } = this.#deps;
    const over = new AbortController();
    await keepers.watch(keeper, over.signal).gone;
    over.abort();
    await fencing.fenced(keeper);
    this.#leaving.delete(keeper);
  }
}
