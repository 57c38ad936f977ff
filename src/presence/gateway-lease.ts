/**
 * The gateway's own short lease beside the long ones of its identities (D7). Others may take an identity over as soon as
 * its keeper's lease has run out, so this gateway trusts none of its identities beyond its own lease. A gateway that
 * lost it takes a new one under a new keeper name: what it held under the old name is gone for good.
 *
 * A store that has lost its data does not know who else may act, until the leases it had given would have run out: no
 * gateway grants an identity before (`mayGrant`).
 */
import { FabricError } from '../model/error.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Lease, LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { LogWriter } from '../ports/message-log.ts';
import { SharedCall } from './shared-call.ts';

export interface GatewayLeaseSettings {
  readonly gatewayId: string;
  readonly ttlMs: number;
  readonly renewEveryMs: number;
  /** How much earlier than the store this gateway stops trusting it. */
  readonly marginMs: number;
}

interface GatewayLeaseDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export const keeperLeaseName = (keeper: string): string => `gateway::${keeper}`;

export class GatewayLease implements AsyncDisposable {
  readonly #settings: GatewayLeaseSettings;
  readonly #deps: GatewayLeaseDeps;
  readonly #onLost: (keeper: string) => void;
  readonly #closing = new AbortController();
  #lease: Lease;
  #keeper: string;
  #trustedUntilMs: number;
  #grantsFromMs: number;
  #tenure: Tenure;
  #replaced = new AbortController();
  readonly #looking = new SharedCall(() => this.#look());
  #running: Promise<void> = Promise.resolve();

  static async open(
    settings: GatewayLeaseSettings,
    deps: GatewayLeaseDeps,
    onLost: (keeper: string) => void,
  ): Promise<GatewayLease> {
    const taken = await take(settings, deps);
    const gateway = new GatewayLease(settings, deps, { ...taken, onLost });
    gateway.#running = gateway.#run();
    return gateway;
  }

  private constructor(
    settings: GatewayLeaseSettings,
    deps: GatewayLeaseDeps,
    taken: Taken & { readonly onLost: (keeper: string) => void },
  ) {
    this.#settings = settings;
    this.#deps = deps;
    this.#onLost = taken.onLost;
    this.#lease = taken.lease;
    this.#keeper = taken.keeper;
    this.#trustedUntilMs = taken.trustedUntilMs;
    this.#grantsFromMs = taken.grantsFromMs;
    this.#tenure = new Tenure(taken.keeper, () => this.isHeld());
  }

  /** In whose name this gateway appends to the log, for as long as the keeper has its lease. */
  get writer(): LogWriter {
    return this.#tenure;
  }

  /** Resolves when nobody can act any more for whom the store, if it has lost its data, does not know. */
  async mayGrant(): Promise<void> {
    const { clock } = this.#deps;
    const waitMs = this.#grantsFromMs - clock.monotonic();
    if (waitMs > 0) await clock.sleep(waitMs, { signal: this.#closing.signal });
  }

  /** Whether the store still has the lease: what it granted before this was asked, it granted knowing of all others. */
  isKnown(): Promise<boolean> {
    return this.#looking.ask();
  }

  /** The name identities are kept under. */
  get keeper(): string {
    return this.#keeper;
  }

  /** Aborts when another keeper name takes the place of the present one. */
  get replaced(): AbortSignal {
    return this.#replaced.signal;
  }

  isHeld(): boolean {
    return this.#deps.clock.monotonic() < this.#trustedUntilMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#deps.leaseStore.release(this.#lease, 0).catch((cause: unknown) => {
      this.#deps.log.warn('gateway lease could not be released, it will run out', { cause });
    });
  }

  async #look(): Promise<boolean> {
    const [record] = await this.#deps.leaseStore.current([this.#lease.name]);
    return record?.epoch === this.#lease.epoch;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#closing;
    await clock.sleep(this.#settings.renewEveryMs, { signal }).catch(() => undefined);
    const onFailure = (cause: unknown): void => {
      log.warn('gateway lease could not be renewed', { cause });
      this.#checkTrust();
    };
    await untilAborted({ clock, signal, pauseMs: this.#settings.renewEveryMs, onFailure }, () => this.#renew());
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.#deps.clock.monotonic();
    const lost = await this.#deps.leaseStore.renew([this.#lease], this.#settings.ttlMs);
    this.#checkTrust();
    if (lost.length === 0 && this.isHeld()) {
      this.#trustedUntilMs = askedAtMs + this.#settings.ttlMs - this.#settings.marginMs;
      return;
    }
    this.#giveUp();
    const taken = await take(this.#settings, this.#deps);
    this.#lease = taken.lease;
    this.#keeper = taken.keeper;
    this.#trustedUntilMs = taken.trustedUntilMs;
    this.#grantsFromMs = taken.grantsFromMs;
    this.#tenure = new Tenure(taken.keeper, () => this.isHeld());
    this.#replaced.abort();
    this.#replaced = new AbortController();
    this.#deps.log.warn('gateway lease was lost; a new one is held', { keeper: taken.keeper });
  }

  /** An answer that came too late does not bring trust back: others may have acted in between. */
  #checkTrust(): void {
    if (!this.isHeld()) this.#giveUp();
  }

  #giveUp(): void {
    this.#trustedUntilMs = 0;
    this.#tenure.end();
    this.#onLost(this.#keeper);
  }
}

/** The time a gateway has a lease under one keeper name, in which alone it appends. */
class Tenure implements LogWriter {
  readonly name: string;
  readonly #isHeld: () => boolean;
  readonly #losing = new AbortController();

  constructor(keeper: string, isHeld: () => boolean) {
    this.name = keeper;
    this.#isHeld = isHeld;
  }

  get lost(): AbortSignal {
    return this.#losing.signal;
  }

  isCurrent(): boolean {
    return !this.lost.aborted && this.#isHeld();
  }

  end(): void {
    this.#losing.abort();
  }
}

interface Taken {
  readonly lease: Lease;
  readonly keeper: string;
  readonly trustedUntilMs: number;
  readonly grantsFromMs: number;
}

const take = async (
  settings: GatewayLeaseSettings,
  { leaseStore, clock, entropy }: GatewayLeaseDeps,
): Promise<Taken> => {
  const incarnation = entropy.uuid();
  const keeper = `${settings.gatewayId}/${incarnation}`;
  const askedAtMs = clock.monotonic();
  const { outcome, record } = await leaseStore.acquire({
    name: keeperLeaseName(keeper),
    holder: incarnation,
    keeper,
    note: '',
    ttlMs: settings.ttlMs,
    resumes: '',
  });
  if (outcome === 'held') throw new FabricError('ERR_INTERNAL', `the fresh lease name ${record.name} is taken`);
  const grantsFromMs = clock.monotonic() + Math.max(0, settings.ttlMs - (await leaseStore.age()));
  return {
    lease: record,
    keeper,
    grantsFromMs,
    trustedUntilMs: askedAtMs + settings.ttlMs - settings.marginMs,
  };
};
