import type { Clock } from '../../ports/clock.ts';
import type { Delayed, DelayStore, DueMessage } from '../../ports/delay-store.ts';

interface Entry {
  readonly message: Delayed;
  attempt: number;
  claimedUntilMs: number;
}

/** Delayed messages of one process, as long as it lives. */
export class MemoryDelayStore implements DelayStore {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(message: Delayed): Promise<void> {
    if (!this.#entries.has(message.id)) this.#entries.set(message.id, { message, attempt: 0, claimedUntilMs: 0 });
    return Promise.resolve();
  }

  claim(limit: number, claimMs: number): Promise<readonly DueMessage[]> {
    const nowMs = this.#clock.now();
    const due = [...this.#entries.values()]
      .filter(({ message, claimedUntilMs }) => message.dueAtMs <= nowMs && claimedUntilMs <= nowMs)
      .toSorted((one, other) => one.message.dueAtMs - other.message.dueAtMs)
      .slice(0, limit);
    for (const entry of due) {
      entry.attempt += 1;
      entry.claimedUntilMs = nowMs + claimMs;
    }
    return Promise.resolve(due.map(({ message, attempt }) => ({ ...message, attempt })));
  }

  remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#entries.delete(id);
    return Promise.resolve();
  }
}
