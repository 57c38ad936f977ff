import type { Rate } from '../model/quota.ts';

export interface Grant {
  /** How many of those asked for; 0 if there are none. */
  readonly granted: number;
  /** Where there are none: in how many milliseconds there will be one. */
  readonly waitMs: number;
}

/** How many connections a gateway has in a workspace. */
export interface ConnectionCount {
  readonly workspace: string;
  readonly count: number;
}

export interface Admission {
  readonly admitted: boolean;
  /** In the workspace, of the other gateways. */
  readonly others: number;
}

/**
 * What all gateways use up together. Each call is atomic for a workspace. What is lost with the store's data is a use
 * that is not remembered: a rate begins with its burst, and connections are there again with the next `report`.
 */
export interface QuotaLedger {
  /** Takes up to `count` messages from a workspace's rate, by the store's clock. What is taken once is not granted again. */
  take(workspace: string, rate: Rate, count: number): Promise<Grant>;
  /**
   * Notes that the gateway `holder` has `count` connections in the workspace, unless with those of the others they are
   * more than `max`. What is noted is forgotten after `ttlMs`.
   */
  admit(holder: string, connections: ConnectionCount & { readonly max: number }, ttlMs: number): Promise<Admission>;
  /** Notes how many a gateway has, whatever the others have. */
  report(holder: string, counts: readonly ConnectionCount[], ttlMs: number): Promise<void>;
}
