/**
 * The rates of workspaces, which all gateways use up together. The ledger has what is left of each; a gateway takes it in
 * shares, each for 50 ms of the rate, and the next before the last is used up. So no message waits for the ledger but the
 * first after a pause, and in any span there pass at most the burst, the rate, and one share for each gateway: what a
 * gateway has taken and not used lapses after a second.
 *
 * Without the ledger each gateway keeps to the whole rate by itself.
 */
import { asFabricError, FabricError } from '../model/error.ts';
import { workspaceShareMax, workspaceShareMs } from '../model/limits.ts';
import type { Rate } from '../model/quota.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Grant, QuotaLedger } from '../ports/quota-ledger.ts';
import { TokenBucket } from './token-bucket.ts';

export interface WorkspaceRatesDeps {
  readonly quotaLedger: QuotaLedger;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long what was taken may be kept. */
const lapseMs = 1000;
/** How long senders wait for the ledger before the gateway goes on without it, and for how long it does. */
const ledgerPatienceMs = 250;
const aloneMs = 1000;

export const shareOf = ({ perSecond }: Rate): number =>
  Math.min(workspaceShareMax, Math.max(1, Math.ceil((perSecond * workspaceShareMs) / 1000)));

export type WorkspaceRefusal =
  | { readonly waitMs: number; readonly answer: undefined }
  /** Nobody knows yet: ask again when it has settled. It never rejects. */
  | { readonly waitMs: 0; readonly answer: Promise<void> };

/** What this gateway has of one workspace's rate. */
export class WorkspaceShare {
  readonly #workspace: string;
  readonly #deps: WorkspaceRatesDeps;
  #rate: Rate;
  #left = 0;
  #takenAtMs = 0;
  /** There is none before. */
  #emptyUntilMs = 0;
  #asking: Promise<void> | undefined;
  #alone: { readonly bucket: TokenBucket; untilMs: number } | undefined;

  constructor(workspace: string, rate: Rate, deps: WorkspaceRatesDeps) {
    this.#workspace = workspace;
    this.#rate = rate;
    this.#deps = deps;
  }

  adopt(rate: Rate): void {
    if (rate.perSecond === this.#rate.perSecond && rate.burst === this.#rate.burst) return;
    this.#rate = rate;
    this.#left = 0;
    this.#emptyUntilMs = 0;
    this.#alone = undefined;
  }

  available(nowMs: number): number {
    if (this.#rate.perSecond === 0) return Infinity;
    if (nowMs - this.#takenAtMs > lapseMs) this.#left = 0;
    return this.#left;
  }

  /** At most as many as are available. */
  take(count: number, nowMs: number): void {
    if (this.#rate.perSecond === 0) return;
    this.#left -= count;
    if (this.#left * 2 < shareOf(this.#rate) && nowMs >= this.#emptyUntilMs) void this.#ask();
  }

  restore(count: number): void {
    if (this.#rate.perSecond > 0) this.#left += count;
  }

  /** Why there is none, now. */
  refusal(nowMs: number): WorkspaceRefusal {
    if (nowMs < this.#emptyUntilMs) return { waitMs: this.#emptyUntilMs - nowMs, answer: undefined };
    return { waitMs: 0, answer: this.#ask() };
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#exchange().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #exchange(): Promise<void> {
    const rate = this.#rate;
    const count = shareOf(rate);
    const { granted, waitMs } = await this.#granted(rate, count);
    if (rate !== this.#rate) return;
    const nowMs = this.#nowMs();
    if (granted > 0) {
      this.#left = this.available(nowMs) + granted;
      this.#takenAtMs = nowMs;
    } else this.#emptyUntilMs = nowMs + waitMs;
  }

  async #granted(rate: Rate, count: number): Promise<Grant> {
    const { quotaLedger, log } = this.#deps;
    const nowMs = this.#nowMs();
    if (this.#alone !== undefined && nowMs < this.#alone.untilMs) return this.#grantAlone(rate, count);
    try {
      const grant = await this.#inTime(quotaLedger.take(this.#workspace, rate, count));
      this.#alone = undefined;
      return grant;
    } catch (thrown) {
      const cause = asFabricError(thrown);
      log.warn('rate of a workspace is kept by this gateway alone', { workspace: this.#workspace, cause });
      return this.#grantAlone(rate, count);
    }
  }

  #grantAlone(rate: Rate, count: number): Grant {
    const nowMs = this.#nowMs();
    this.#alone ??= { bucket: new TokenBucket(rate, nowMs), untilMs: 0 };
    if (nowMs >= this.#alone.untilMs) this.#alone.untilMs = nowMs + aloneMs;
    const { bucket } = this.#alone;
    const granted = Math.min(count, bucket.available(nowMs));
    bucket.take(granted);
    return { granted, waitMs: bucket.waitMs(nowMs) };
  }

  async #inTime(grant: Promise<Grant>): Promise<Grant> {
    const late = Promise.withResolvers<never>();
    const timer = this.#deps.clock.schedule(ledgerPatienceMs, () =>
      late.reject(new FabricError('STORE_UNAVAILABLE', 'the ledger of quotas does not answer')),
    );
    try {
      return await Promise.race([grant, late.promise]);
    } finally {
      timer.cancel();
      // One that fails later concerns nobody.
      grant.catch(() => undefined);
    }
  }

  #nowMs(): number {
    return Math.floor(this.#deps.clock.monotonic());
  }
}

/** The shares of the workspaces this gateway has sessions in. */
export class WorkspaceRates {
  readonly #deps: WorkspaceRatesDeps;
  readonly #shares = new Map<string, { readonly share: WorkspaceShare; sessions: number }>();

  constructor(deps: WorkspaceRatesDeps) {
    this.#deps = deps;
  }

  /** For one session more. Outside any workspace there is no rate. */
  open(workspace: string | undefined, rate: Rate): WorkspaceShare | undefined {
    if (workspace === undefined) return undefined;
    const found = this.#shares.get(workspace);
    const share = found?.share ?? new WorkspaceShare(workspace, rate, this.#deps);
    share.adopt(rate);
    this.#shares.set(workspace, { share, sessions: (found?.sessions ?? 0) + 1 });
    return share;
  }

  adopt(workspace: string | undefined, rate: Rate): WorkspaceShare | undefined {
    const share = workspace === undefined ? undefined : this.#shares.get(workspace)?.share;
    share?.adopt(rate);
    return share;
  }

  /** For one session less. */
  close(workspace: string | undefined): void {
    const entry = workspace === undefined ? undefined : this.#shares.get(workspace);
    if (entry === undefined || workspace === undefined) return;
    entry.sessions -= 1;
    if (entry.sessions === 0) this.#shares.delete(workspace);
  }
}
