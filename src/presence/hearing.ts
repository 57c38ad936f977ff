/**
 * Hears of the leases a gateway loses to others, and knows whether it would: a gateway that does not hear of successors
 * delivers nothing (`Session.mayReceive`) until it listens again, has looked at all it holds, and has gone on listening
 * for so long that nobody takes it for deaf any more.
 */
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { GatewayLease } from './gateway-lease.ts';
import { kicked, leaseLost, superseded } from './loss.ts';
import type { Roster } from './roster.ts';
import type { Session } from './session.ts';
import { steadyMs } from './watch.ts';

interface HearingDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly gateway: Pick<GatewayLease, 'keeper' | 'replaced'>;
  readonly roster: Roster;
  readonly signal: AbortSignal;
}

const listenAgainAfterMs = 50;

export class Hearing {
  readonly #deps: HearingDeps;
  /** The keeper whose losses are heard of. */
  #keeper: string | undefined;
  #firstHeard: string | undefined;
  readonly #running: Promise<void>;

  constructor(deps: HearingDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** Whether what this keeper loses is heard of now. */
  isFor(keeper: string): boolean {
    return this.#keeper === keeper;
  }

  stopped(): Promise<void> {
    return this.#running;
  }

  #run(): Promise<void> {
    const { clock, log, signal, gateway } = this.#deps;
    const onFailure = (cause: unknown): void => log.warn('listening for lost leases broke', { cause });
    return untilAborted({ clock, signal, pauseMs: listenAgainAfterMs, onFailure }, async () => {
      const { keeper, replaced } = gateway;
      const over = new AbortController();
      try {
        await this.#listenAs(keeper, AbortSignal.any([signal, replaced, over.signal]));
      } finally {
        this.#keeper = undefined;
        // Nobody may take a gateway for listening that has given it up.
        over.abort();
      }
    });
  }

  async #listenAs(keeper: string, signal: AbortSignal): Promise<void> {
    const { leaseStore, roster } = this.#deps;
    const losses = await leaseStore.losses(keeper, { signal });
    await this.#findMissed();
    const goesOn = this.#goOnSteadily(keeper);
    try {
      for await (const { name, epoch } of losses) {
        const session = roster.find(name);
        if (session?.epoch === epoch) void this.#explain(session);
      }
    } finally {
      goesOn?.cancel();
    }
  }

  /** At once where this keeper was not heard for before: nobody can have taken it for deaf. */
  #goOnSteadily(keeper: string): Scheduled | undefined {
    const isFirst = this.#firstHeard !== keeper;
    this.#firstHeard = keeper;
    if (!isFirst) return this.#deps.clock.schedule(steadyMs, () => this.#goOn(keeper));
    this.#goOn(keeper);
    return undefined;
  }

  #goOn(keeper: string): void {
    this.#keeper = keeper;
    for (const session of this.#deps.roster.present) session.hearsAgain();
  }

  /** Losses that were told while nobody listened. */
  async #findMissed(): Promise<void> {
    const sessions = this.#deps.roster.present;
    const records = await this.#deps.leaseStore.current(sessions.map(({ identity }) => identity));
    for (const [index, session] of sessions.entries()) {
      const record = records[index];
      if (record === undefined) session.lose(leaseLost('the store does not have the lease any more'));
      else if (record.epoch !== session.epoch) session.lose(superseded());
    }
  }

  /** Taken over by a successor, or ended by an operator whose hint has not arrived. */
  async #explain(session: Session): Promise<void> {
    session.suspend();
    const found = await this.#deps.leaseStore.current([session.identity]).catch(() => undefined);
    const isEnded = found !== undefined && found[0] === undefined;
    session.lose(isEnded ? kicked('disconnected by administrator') : superseded());
  }
}
