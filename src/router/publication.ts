/** What became of the records of one batch; shared by all who published into it. */
export interface Publication {
  /** Resolves when the batch is durable; rejects with `STORE_UNAVAILABLE` when that cannot be said. */
  readonly durable: Promise<void>;
  /** Set when the sender must wait before it publishes more. */
  readonly room: Promise<void> | undefined;
}
