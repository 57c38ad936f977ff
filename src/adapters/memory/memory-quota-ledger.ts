import type { Rate } from '../../model/quota.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Admission, ConnectionCount, Grant, QuotaLedger } from '../../ports/quota-ledger.ts';

interface Level {
  /** Thousandths of a message. */
  readonly left: number;
  readonly atMs: number;
}

interface Noted {
  readonly count: number;
  readonly untilMs: number;
}

/** What the gateways of one process use up. */
export class MemoryQuotaLedger implements QuotaLedger {
  readonly #clock: Clock;
  readonly #levels = new Map<string, Level>();
  /** By workspace, then by gateway. */
  readonly #connections = new Map<string, Map<string, Noted>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(workspace: string, { perSecond, burst }: Rate, count: number): Promise<Grant> {
    const nowMs = Math.floor(this.#clock.monotonic());
    const before = this.#levels.get(workspace) ?? { left: burst * 1000, atMs: nowMs };
    const left = Math.min(burst * 1000, before.left + (nowMs - before.atMs) * perSecond);
    const granted = Math.min(count, Math.floor(left / 1000));
    this.#levels.set(workspace, { left: left - granted * 1000, atMs: nowMs });
    return Promise.resolve({ granted, waitMs: granted > 0 ? 0 : Math.ceil((1000 - left) / perSecond) });
  }

  admit(
    holder: string,
    { workspace, count, max }: ConnectionCount & { readonly max: number },
    ttlMs: number,
  ): Promise<Admission> {
    const nowMs = this.#clock.monotonic();
    let others = 0;
    for (const [gateway, noted] of this.#of(workspace))
      if (gateway !== holder && noted.untilMs > nowMs) others += noted.count;
    const admitted = others + count <= max;
    if (admitted) this.#note(holder, { workspace, count }, ttlMs);
    return Promise.resolve({ admitted, others });
  }

  report(holder: string, counts: readonly ConnectionCount[], ttlMs: number): Promise<void> {
    for (const one of counts) this.#note(holder, one, ttlMs);
    return Promise.resolve();
  }

  #note(holder: string, { workspace, count }: ConnectionCount, ttlMs: number): void {
    const gateways = this.#of(workspace);
    if (count > 0) gateways.set(holder, { count, untilMs: this.#clock.monotonic() + ttlMs });
    else gateways.delete(holder);
    if (gateways.size === 0) this.#connections.delete(workspace);
    else this.#connections.set(workspace, gateways);
  }

  #of(workspace: string): Map<string, Noted> {
    return this.#connections.get(workspace) ?? new Map<string, Noted>();
  }
}
