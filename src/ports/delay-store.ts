/** A message that is to be published later. */
export interface Delayed {
  readonly id: string;
  readonly dueAtMs: number;
  /** Whatever the publisher needs; opaque to the store. */
  readonly body: Uint8Array;
}

export interface DueMessage extends Delayed {
  /** How often it has been claimed, this time included. */
  readonly attempt: number;
}

/**
 * Messages until they are due. Each is handed to one claimant at a time: it is free again when the claim has run out
 * without the message having been removed, so every one is published at least once.
 */
export interface DelayStore {
  /** Resolves once it is durable. One that is there already stays as it is. */
  add(message: Delayed): Promise<void>;
  /**
   * Claims what is due, the earliest first; of several who claim at once each gets others. By the store's clock: what
   * those of claimants say is not compared.
   */
  claim(limit: number, claimMs: number): Promise<readonly DueMessage[]>;
  remove(ids: readonly string[]): Promise<void>;
}
