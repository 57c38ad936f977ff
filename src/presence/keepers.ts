/**
 * What becomes of other gateways, looked at once for all who wait for it: whether one still delivers what it is given, and
 * whether it may still act.
 */
import type { Clock } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import { keeperLeaseName } from './gateway-lease.ts';
import { Watch } from './watch.ts';

interface KeepersDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a gateway may act on a lease it was given; the same for all. */
  readonly ttlMs: number;
}

const lookAgainAfterMs = 150;

export class Keepers {
  readonly #deps: KeepersDeps;
  readonly #watches = new Map<string, Watch>();

  constructor(deps: KeepersDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when nobody hears what the gateway is told: it is dead, or cut off, and has had the time to notice that and
   * delivers nothing until it listens again and has looked at what it still holds. Until `over` aborts.
   */
  silent(keeper: string, over: AbortSignal): Promise<void> {
    return this.#watch(keeper, over).silent(over);
  }

  /** Looks whether it is heard before somebody waits for its silence, who then has less to wait for; until disposed. */
  anticipate(keeper: string): Disposable {
    const over = new AbortController();
    void this.silent(keeper, over.signal);
    return { [Symbol.dispose]: () => over.abort() };
  }

  /** Resolves when its lease is gone: it may not act. Until `over` aborts. */
  gone(keeper: string, over: AbortSignal): Promise<void> {
    return this.#watch(keeper, over).gone;
  }

  #watch(keeper: string, over: AbortSignal): Watch {
    const found = this.#watches.get(keeper);
    const watch = found ?? new Watch(this.#deps.clock);
    watch.waiting += 1;
    over.addEventListener('abort', () => (watch.waiting -= 1), { once: true });
    if (found === undefined) {
      this.#watches.set(keeper, watch);
      void this.#run(keeper, watch);
    }
    return watch;
  }

  async #run(keeper: string, watch: Watch): Promise<void> {
    const { signal } = this.#deps;
    // Whoever it is begun for joins first, and decides what is looked at first.
    await Promise.resolve();
    while (!signal.aborted && watch.waiting > 0) {
      if (watch.isListenedFor) await watch.look(() => this.#isHeard(keeper));
      if (watch.againAfterMs === undefined && (await this.#isGone(keeper))) {
        watch.leave();
        break;
      }
      await watch.pause(watch.againAfterMs ?? lookAgainAfterMs, signal);
    }
    this.#watches.delete(keeper);
  }

  /** Not certain where the store does not answer, nor where it may have lost a lease that still is trusted. */
  async #isGone(keeper: string): Promise<boolean> {
    const { leaseStore, ttlMs } = this.#deps;
    try {
      const [lease] = await leaseStore.current([keeperLeaseName(keeper)]);
      return lease === undefined && (await leaseStore.age()) >= ttlMs;
    } catch {
      return false;
    }
  }

  async #isHeard(keeper: string): Promise<boolean> {
    return this.#deps.leaseStore.isHeard(keeper).catch(() => true);
  }
}
