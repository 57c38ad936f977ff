/**
 * Asks whether the session that has an identity is still there, wherever it is. Its gateway answers through hints after
 * asking the peer's transport. Where no answer comes, the leases tell: the session's own, which its gateway may have
 * given up before it heard the question, and its gateway's, with which all its sessions are gone.
 */
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hint, Hints } from '../ports/hints.ts';
import type { LeaseRecord, LeaseStore } from '../ports/lease-store.ts';
import { keeperLeaseName } from './gateway-lease.ts';

interface ProbingDeps {
  readonly leaseStore: LeaseStore;
  readonly hints: Hints;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

const lookAgainAfterMs = 150;

export class Probing {
  readonly #deps: ProbingDeps;
  readonly #asked = new Map<string, (alive: boolean) => void>();

  constructor(deps: ProbingDeps) {
    this.#deps = deps;
  }

  hear(hint: Extract<Hint, { kind: 'presence' }>): void {
    this.#asked.get(hint.probe)?.(hint.alive);
  }

  /** Whether the holder is there; after `patienceMs` without a sign of either, it is taken to be. */
  async isAlive(record: LeaseRecord, patienceMs: number): Promise<boolean> {
    const probe = this.#deps.entropy.uuid();
    const answered = Promise.withResolvers<boolean>();
    this.#asked.set(probe, answered.resolve);
    this.#deps.hints.publish({ kind: 'probe', identity: record.name, epoch: record.epoch, probe });
    try {
      return await this.#watch(record, answered.promise, this.#deps.clock.monotonic() + patienceMs);
    } finally {
      this.#asked.delete(probe);
    }
  }

  async #watch(record: LeaseRecord, answer: Promise<boolean>, untilMs: number): Promise<boolean> {
    while (this.#deps.clock.monotonic() < untilMs) {
      const names = [record.name, keeperLeaseName(record.keeper)];
      const [lease, keeper] = await this.#deps.leaseStore.current(names);
      if (lease?.epoch !== record.epoch || lease.state === 'lingering' || keeper === undefined) return false;
      const heard = await Promise.race([answer, this.#pause()]);
      if (heard !== undefined) return heard;
    }
    return true;
  }

  #pause(): Promise<undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#deps.clock.schedule(lookAgainAfterMs, () => resolve(undefined));
    return promise;
  }
}
