/** A time-limited exclusive claim on a name. Whoever acts in its name carries `epoch`; the highest one counts (I1). */
export interface Lease {
  readonly name: string;
  /** Who has it: for an identity, the session id. */
  readonly holder: string;
  /** Fencing token: grows with every grant of this name, never repeats, and survives the loss of the store's data. */
  readonly epoch: bigint;
}

export interface LeaseRecord extends Lease {
  /** `lingering`: given up by its holder and free for anyone, but its holder may still resume it. */
  readonly state: 'held' | 'lingering';
  /** Who keeps it alive, such as a gateway's own lease; opaque to the store. */
  readonly keeper: string;
  /** Whatever the holder wants known, at most a few hundred bytes. */
  readonly note: string;
  /** When the first holder of the present line of resumptions was granted it, in milliseconds since 1970. */
  readonly firstGrantedAtMs: number;
  /** How often it has been resumed since then. */
  readonly resumes: number;
}

export interface LeaseRequest {
  readonly name: string;
  readonly holder: string;
  readonly keeper: string;
  readonly note: string;
  readonly ttlMs: number;
  /** A former holder to continue: granted even while that one holds it. Empty for none. */
  readonly resumes: string;
  /** Grants it over a holder whose epoch still is this one: for takeovers from the dead. */
  readonly overEpoch?: bigint;
}

export type Acquisition =
  | { readonly outcome: 'granted'; readonly record: LeaseRecord; readonly resumed: boolean }
  | { readonly outcome: 'held'; readonly record: LeaseRecord };

export interface LeasePage {
  readonly records: readonly LeaseRecord[];
  /** Where the next page starts; absent on the last. */
  readonly next?: string;
}

/**
 * Leases with epochs. Each call is atomic per name; calls are not ordered between names. After `STORE_UNAVAILABLE`
 * nothing is known: an acquisition may have been granted (its epoch is then lost and runs out), a renewal may have
 * counted. The store's clock decides on expiry; epochs are max(previous + 1, that clock in microseconds).
 */
export interface LeaseStore {
  acquire(request: LeaseRequest): Promise<Acquisition>;
  /** Extends each lease that is still this holder's and epoch's; answers with those that are not. One round trip. */
  renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]>;
  /** Ends a lease if its epoch still is this one; with `lingerMs` > 0 its holder may resume it until then. */
  release(lease: Pick<Lease, 'name' | 'epoch'>, lingerMs: number): Promise<boolean>;
  /** What is held under each name, in their order; lingering ones included, expired ones not. */
  current(names: readonly string[]): Promise<readonly (LeaseRecord | undefined)[]>;
  /** Held leases whose names start with `prefix`, in name order, after the name `after`. */
  list(prefix: string, after: string, limit: number): Promise<LeasePage>;
  /**
   * Leases of this keeper that were taken over or ended by others, as they happen. Resolves once it listens; what comes
   * throws when it no longer does, as notices may have been lost then: what is held has to be looked at. Ends when the
   * signal aborts.
   */
  losses(
    keeper: string,
    options: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Pick<Lease, 'name' | 'epoch'>>>;
  /** Whether anyone listens to the losses of this keeper; true where that is not known. */
  isHeard(keeper: string): Promise<boolean>;
  /** For how many milliseconds the store has certainly kept all it was given. Infinite where it never had anything. */
  age(): Promise<number>;
}
