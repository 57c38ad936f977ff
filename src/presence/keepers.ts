/**
 * What becomes of other gateways, looked at once for all who wait for it: whether one still listens to what it is told,
 * and whether it may still act.
 */
import type { Clock } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import { keeperLeaseName } from './gateway-lease.ts';

interface KeepersDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a gateway may act on a lease it was given; the same for all. */
  readonly ttlMs: number;
}

export interface Watched {
  /** Nobody hears what the gateway is told: it is dead, or cut off, and delivers nothing until it listens again. */
  readonly deaf: Promise<void>;
  /** Its lease is gone: it may not act. */
  readonly gone: Promise<void>;
}

class Watch implements Watched {
  readonly #deaf = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  waiting = 0;
  isDeaf = false;

  get deaf(): Promise<void> {
    return this.#deaf.promise;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  becomeDeaf(): void {
    this.isDeaf = true;
    this.#deaf.resolve();
  }

  leave(): void {
    this.becomeDeaf();
    this.#gone.resolve();
  }
}

/** A gateway that was killed is known to be within this time, first. */
const quickMs = 15;
const quickLooks = 10;
const lookAgainAfterMs = 150;

export class Keepers {
  readonly #deps: KeepersDeps;
  readonly #watches = new Map<string, Watch>();

  constructor(deps: KeepersDeps) {
    this.#deps = deps;
  }

  /** Until `over` aborts. */
  watch(keeper: string, over: AbortSignal): Watched {
    const found = this.#watches.get(keeper);
    const watch = found ?? new Watch();
    watch.waiting += 1;
    if (found === undefined) this.#open(keeper, watch);
    over.addEventListener('abort', () => (watch.waiting -= 1), { once: true });
    return watch;
  }

  #open(keeper: string, watch: Watch): void {
    this.#watches.set(keeper, watch);
    void this.#run(keeper, watch);
  }

  async #run(keeper: string, watch: Watch): Promise<void> {
    const { clock, signal } = this.#deps;
    for (let looks = 0; !signal.aborted && watch.waiting > 0; looks += 1) {
      if (!watch.isDeaf && !(await this.#isHeard(keeper))) watch.becomeDeaf();
      const isQuick = !watch.isDeaf && looks < quickLooks;
      if (!isQuick && (await this.#isGone(keeper))) {
        watch.leave();
        break;
      }
      await clock.sleep(isQuick ? quickMs : lookAgainAfterMs, { signal }).catch(() => undefined);
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
