/** The right to write an owner's checkpoints: the epoch its checkpoints were opened under last. */
export interface CheckpointWriter {
  readonly owner: string;
  readonly epoch: bigint;
}

export interface CheckpointSave {
  /** 1 to 256 bytes. */
  readonly name: string;
  readonly data: Uint8Array;
  /** Milliseconds until it vanishes; `undefined` for never. */
  readonly ttlMs: number | undefined;
}

export interface Checkpoint {
  readonly data: Uint8Array;
  /** On the store's clock, milliseconds since 1970. */
  readonly savedAtMs: number;
}

/**
 * - `fenced`: a newer epoch has been opened
 * - `full`: the owner has as many checkpoints as it may have, and this would be a new one
 */
export type CheckpointSaved =
  | { readonly outcome: 'saved'; readonly savedAtMs: number }
  | { readonly outcome: 'fenced' }
  | { readonly outcome: 'full' };

/**
 * The states each owner (an identity) has saved, by name. Only the newest epoch that opened them may write, which is
 * compared in the step that writes (I3). Durable when answered; after `STORE_UNAVAILABLE` a write may or may not have
 * been done.
 */
export interface CheckpointStore {
  /** Fences off every lower epoch of the owner. False to an older one. */
  open(owner: string, epoch: bigint): Promise<boolean>;
  save(writer: CheckpointWriter, save: CheckpointSave): Promise<CheckpointSaved>;
  load(owner: string, name: string): Promise<Checkpoint | undefined>;
  /** Of one that is not there, too. False to an epoch that is not the newest. */
  delete(writer: CheckpointWriter, name: string): Promise<boolean>;
  /** The names of all of them, in the order of their bytes; at most `checkpointsPerIdentityMax`. */
  list(owner: string): Promise<readonly string[]>;
}
