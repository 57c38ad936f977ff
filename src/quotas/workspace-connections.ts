/**
 * How many connections there are in each workspace, over all gateways. Each notes its own in the ledger, when they change
 * and every few seconds, as whole numbers: what a gateway that died had is forgotten soon, and what was lost is there
 * again. Without the ledger everybody is let in.
 */
import { FabricError } from '../model/error.ts';
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { QuotaLedger } from '../ports/quota-ledger.ts';

export interface WorkspaceConnectionsDeps {
  readonly quotaLedger: QuotaLedger;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this gateway, this time. */
  readonly holder: string;
  /** How many a workspace may have; 0 for any number. */
  readonly maxOf: (workspace: string) => number;
}

/** How long a gateway's count is believed, and how often it is repeated. */
const ttlMs = 15_000;
export const reportEveryMs = 5000;
/** Those who leave together are told together. */
const leaveAfterMs = 20;

export class WorkspaceConnections {
  readonly #deps: WorkspaceConnectionsDeps;
  readonly #counts = new Map<string, number>();
  readonly #left = new Set<string>();
  #leaving: Scheduled | undefined;

  constructor(deps: WorkspaceConnectionsDeps) {
    this.#deps = deps;
  }

  /** Throws `CONNECTION_QUOTA` where the workspace is full. */
  async enter(workspace: string): Promise<void> {
    const count = this.#add(workspace, 1);
    const max = this.#deps.maxOf(workspace);
    if (max === 0) return;
    const others = await this.#others(workspace, { count, max });
    if (others === undefined) return;
    this.#add(workspace, -1);
    const current = others + count - 1;
    throw new FabricError(
      'CONNECTION_QUOTA',
      `connection quota exceeded: quota exceeded for connections in workspace '${workspace}': current ${current}, limit ${max}`,
    );
  }

  leave(workspace: string): void {
    this.#add(workspace, -1);
    this.#left.add(workspace);
    this.#leaving ??= this.#deps.clock.schedule(leaveAfterMs, () => {
      this.#leaving = undefined;
      void this.#report([...this.#left]);
      this.#left.clear();
    });
  }

  /** Repeats what there is. */
  report(): Promise<void> {
    return this.#report([...this.#counts.keys()]);
  }

  /** Nobody is here any more. */
  async close(): Promise<void> {
    this.#leaving?.cancel();
    const workspaces = [...this.#counts.keys(), ...this.#left];
    this.#counts.clear();
    await this.#report(workspaces);
  }

  /** Of the other gateways, where one more is too many. */
  async #others(workspace: string, of: { readonly count: number; readonly max: number }): Promise<number | undefined> {
    const { quotaLedger, holder, log } = this.#deps;
    try {
      const { admitted, others } = await quotaLedger.admit(holder, { workspace, ...of }, ttlMs);
      return admitted ? undefined : others;
    } catch (cause) {
      log.warn('connections of a workspace could not be counted', { workspace, cause });
      return undefined;
    }
  }

  async #report(workspaces: readonly string[]): Promise<void> {
    const { quotaLedger, holder, maxOf, log } = this.#deps;
    const counts = workspaces
      .filter((workspace) => maxOf(workspace) > 0)
      .map((workspace) => ({ workspace, count: this.#counts.get(workspace) ?? 0 }));
    if (counts.length === 0) return;
    await quotaLedger
      .report(holder, counts, ttlMs)
      .catch((cause: unknown) => log.debug('connections of workspaces could not be noted', { cause }));
  }

  #add(workspace: string, amount: 1 | -1): number {
    const count = (this.#counts.get(workspace) ?? 0) + amount;
    if (count > 0) this.#counts.set(workspace, count);
    else this.#counts.delete(workspace);
    return count;
  }
}
