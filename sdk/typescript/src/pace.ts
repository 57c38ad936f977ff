/**
 * Where and when to try next. All addresses are tried once without a pause between them, then there is one, which grows
 * with every round. What counts as the first attempt is the one after a connection that held for a while.
 */
import { stableAfterMs } from './limits.ts';

export interface PaceSettings {
  readonly addresses: readonly string[];
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

export class Pace {
  readonly #settings: PaceSettings;
  #index = 0;
  #attempt = 0;
  #connectedAtMs = 0;

  constructor(settings: PaceSettings) {
    this.#settings = settings;
  }

  /** Attempts since the last connection that held. */
  get attempt(): number {
    return this.#attempt;
  }

  get address(): string {
    const { addresses } = this.#settings;
    return addresses[this.#index % addresses.length] ?? '';
  }

  /** The one `next` moves on to. */
  get nextAddress(): string {
    const { addresses } = this.#settings;
    return addresses[(this.#index + 1) % addresses.length] ?? '';
  }

  connected(nowMs: number): void {
    this.#connectedAtMs = nowMs;
  }

  /** A connection that was lost at once counts as one more failed attempt: there is no busy loop of them. */
  lost(nowMs: number): void {
    if (nowMs - this.#connectedAtMs >= stableAfterMs) this.#attempt = 0;
  }

  /** Moves on to the next address; answers with how long to wait before trying it. */
  next(): number {
    this.#attempt += 1;
    this.#index += 1;
    const { addresses, initialBackoffMs, maxBackoffMs } = this.#settings;
    const round = Math.floor((this.#attempt - 1) / addresses.length);
    if (round === 0 || (this.#attempt - 1) % addresses.length !== 0) return 0;
    const backoffMs = Math.min(maxBackoffMs, initialBackoffMs * 2 ** (round - 1));
    return Math.round(backoffMs * (0.5 + Math.random() / 2));
  }
}
