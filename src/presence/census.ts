/**
 * Which gateways there are, looked at as often as a gateway renews its lease, so that one that has gone is fenced off
 * though nobody follows one of its sessions: the leases of these may have run out by then, or been lost with the store's
 * data, and whoever takes one of its identities anew knows of no session before.
 *
 * A gateway nobody has seen may have been there all the same. So each one enters its name in the log before anything is
 * said in it, and whoever comes later misses it by that.
 */
import { pageSizeMax } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { MessageLog } from '../ports/message-log.ts';
import type { Fencing } from './fencing.ts';
import { type GatewayLease, keeperLeaseName } from './gateway-lease.ts';
import type { Keepers } from './keepers.ts';

interface CensusDeps {
  readonly leaseStore: LeaseStore;
  readonly messageLog: Pick<MessageLog, 'enter'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly gateway: Pick<GatewayLease, 'keeper'>;
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
  /** The keeper of this gateway that is in the log, and knows who was there before it. */
  #entered: string | undefined;
  #looked = Promise.withResolvers<void>();

  constructor(deps: CensusDeps) {
    this.#deps = deps;
    const { clock, log, everyMs, signal } = deps;
    const onFailure = (cause: unknown): void => log.debug('gateways could not be looked at', { cause });
    this.#running = untilAborted({ clock, signal, pauseMs: everyMs, onFailure }, () => this.#look());
  }

  /** Set while a gateway has gone that is not fenced off yet, and while this one is not sure of that. */
  get fencing(): Promise<void> | undefined {
    return this.#isEntered && this.#leaving.size === 0 ? undefined : this.#fenced();
  }

  stopped(): Promise<void> {
    return this.#running;
  }

  get #isEntered(): boolean {
    return this.#entered === this.#deps.gateway.keeper;
  }

  async #fenced(): Promise<void> {
    while (!this.#isEntered) await this.#looked.promise;
    await Promise.all(this.#leaving.values());
  }

  async #look(): Promise<void> {
    const { messageLog, gateway, signal } = this.#deps;
    const { keeper } = gateway;
    if (!this.#isEntered) for (const other of await messageLog.enter(keeper, { signal })) this.#present.add(other);
    const found = await this.#list();
    for (const one of found) {
      this.#present.add(one);
      // Overlooked before: it is there.
      this.#leaving.delete(one);
    }
    for (const one of this.#present) if (!found.has(one)) this.#leave(one);
    this.#entered = keeper;
    this.#looked.resolve();
    this.#looked = Promise.withResolvers();
  }

  async #list(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await this.#deps.leaseStore.list(keeperLeaseName(''), after, pageSizeMax);
      for (const { keeper } of page.records) found.add(keeper);
      after = page.next;
    }
    return found;
  }

  #leave(keeper: string): void {
    this.#present.delete(keeper);
    this.#leaving.set(keeper, this.#fence(keeper));
  }

  async #fence(keeper: string): Promise<void> {
    const { keepers, fencing } = this.#deps;
    const over = new AbortController();
    await keepers.gone(keeper, over.signal);
    over.abort();
    await fencing.fenced(keeper);
    this.#leaving.delete(keeper);
  }
}
