/**
 * Keeps the leases of this gateway's sessions: every second those that are due are renewed, many to a call. A session
 * that is renewed too late, or not at all, is lost; no renewal is ever skipped and made up for later (I2).
 */
import { FabricError } from '../model/error.ts';
import { renewalsPerCallMax } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { Session } from './session.ts';

interface RenewalDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly sessions: () => readonly Session[];
  readonly ttlMs: number;
  readonly renewEveryMs: number;
  readonly marginMs: number;
}

const lookEveryMs = 1000;

export class Renewal implements AsyncDisposable {
  readonly #deps: RenewalDeps;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const onFailure = (cause: unknown): void => {
      log.warn('identity leases could not be renewed', { cause });
      this.#dropOverdue();
    };
    return untilAborted({ clock, signal: this.#closing.signal, pauseMs: lookEveryMs, onFailure }, () =>
      this.#renewDue(),
    );
  }

  async #renewDue(): Promise<void> {
    this.#dropOverdue();
    const dueMs = this.#deps.clock.monotonic() - this.#deps.renewEveryMs;
    const due = this.#deps.sessions().filter((session) => session.renewedAtMs <= dueMs);
    for (let start = 0; start < due.length; start += renewalsPerCallMax)
      await this.#renew(due.slice(start, start + renewalsPerCallMax));
  }

  async #renew(sessions: readonly Session[]): Promise<void> {
    const askedAtMs = this.#deps.clock.monotonic();
    const lost = await this.#deps.leaseStore.renew(
      sessions.map(({ lease }) => lease),
      this.#deps.ttlMs,
    );
    const gone = new Set(lost.map(({ name, epoch }) => `${epoch} ${name}`));
    for (const session of sessions)
      if (gone.has(`${session.epoch} ${session.identity}`))
        session.lose(new FabricError('LEASE_LOST', 'the identity is held elsewhere or its lease ran out'));
      else session.renewed(askedAtMs, this.#deps.ttlMs - this.#deps.marginMs);
  }

  #dropOverdue(): void {
    for (const session of this.#deps.sessions())
      if (!session.isCurrent()) session.lose(new FabricError('LEASE_LOST', 'the lease could not be renewed in time'));
  }
}
