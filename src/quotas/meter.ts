/**
 * What one session may send: at the rates of the session, its identity and its workspace at once. Messages are let
 * through some at a time, so that most of them cost one look at a number; what was not used of that goes back when the
 * session has nothing more to be looked at.
 */
import { quotaAdvanceMax } from '../model/limits.ts';
import { type Limits, type Metered, rateOf } from '../model/quota.ts';
import type { Clock } from '../ports/clock.ts';
import { TokenBucket } from './token-bucket.ts';
import type { WorkspaceShare } from './workspace-rates.ts';

export interface Refused {
  /** Whose rate is used up. */
  readonly metered: Metered;
  /** Who comes again after so long, alone, is let through. */
  readonly waitMs: number;
  /** Set where it is not known yet: take again when it has settled. It never rejects. */
  readonly answer: Promise<void> | undefined;
}

export interface MeterParts {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly identity: TokenBucket;
  /** `undefined` outside any workspace. */
  readonly workspace: WorkspaceShare | undefined;
}

/** More than there will ever be, and still a small integer. */
const unlimited = 2 ** 29;

export class Meter {
  readonly #clock: Clock;
  readonly #session: TokenBucket;
  readonly #identity: TokenBucket;
  #workspace: WorkspaceShare | undefined;
  #credit = 0;
  #isLimited = true;

  constructor({ clock, limits, identity, workspace }: MeterParts) {
    this.#clock = clock;
    this.#session = new TokenBucket(rateOf(limits, 'session'), this.#nowMs());
    this.#identity = identity;
    this.#workspace = workspace;
  }

  /** Other limits from now on, after `settle`. The identity's and the workspace's are changed where they are kept. */
  adopt(limits: Limits, workspace: WorkspaceShare | undefined): void {
    this.#credit = 0;
    this.#workspace = workspace;
    this.#session.adopt(rateOf(limits, 'session'), this.#nowMs());
  }

  /** Lets one message through, or says why not. */
  take(): Refused | undefined {
    if (this.#credit === 0) return this.#refill();
    this.#credit -= 1;
    return undefined;
  }

  /** Lets several messages through, or none of them. */
  takeRun(count: number): boolean {
    if (this.#credit < count && !this.#fill(count)) return false;
    this.#credit -= count;
    return true;
  }

  /** Gives back what has not been used. */
  settle(): void {
    if (!this.#isLimited || this.#credit === 0) return;
    this.#session.restore(this.#credit);
    this.#identity.restore(this.#credit);
    this.#workspace?.restore(this.#credit);
    this.#credit = 0;
  }

  #refill(): Refused | undefined {
    const nowMs = this.#nowMs();
    const count = this.#available(nowMs);
    if (count === 0) return this.#refusal(nowMs);
    this.#credit = this.#taken(Math.min(count, quotaAdvanceMax), nowMs) - 1;
    return undefined;
  }

  /** So many at least, or nothing. */
  #fill(count: number): boolean {
    this.settle();
    const nowMs = this.#nowMs();
    if (this.#available(nowMs) < count) return false;
    this.#credit = this.#taken(count, nowMs);
    return true;
  }

  #available(nowMs: number): number {
    const count = Math.min(
      this.#session.available(nowMs),
      this.#identity.available(nowMs),
      this.#workspace?.available(nowMs) ?? Infinity,
    );
    this.#isLimited = count !== Infinity;
    return count;
  }

  /** Without a limit: more than anybody sends. */
  #taken(count: number, nowMs: number): number {
    if (!this.#isLimited) return unlimited;
    this.#take(count, nowMs);
    return count;
  }

  #take(count: number, nowMs: number): void {
    this.#session.take(count);
    this.#identity.take(count);
    this.#workspace?.take(count, nowMs);
  }

  /** Named by the first that is used up, with the longest wait of all, which has to be known of each. */
  #refusal(nowMs: number): Refused {
    const sessionMs = this.#session.waitMs(nowMs);
    const identityMs = this.#identity.waitMs(nowMs);
    const share = this.#workspace;
    const shared = share === undefined || share.available(nowMs) > 0 ? undefined : share.refusal(nowMs);
    const metered = sessionMs > 0 ? 'session' : identityMs > 0 ? 'identity' : 'workspace';
    const waitMs = Math.max(sessionMs, identityMs, shared?.waitMs ?? 0);
    return { metered, waitMs, answer: shared?.answer };
  }

  #nowMs(): number {
    return Math.floor(this.#clock.monotonic());
  }
}
