/**
 * What can be done to one key, as data: so that stores can gather commands, send them to another thread, and tests can
 * write down what was asked and answered. What each does is decided once, in `kv-rules.ts`.
 */

/** Keys that lie together. Whatever belongs to one owner can be changed and deleted as one. */
export interface KvSpace {
  /** Whom it belongs to: an identity for exclusive spaces, whose epochs fence it; otherwise a name of its own. */
  readonly owner: string;
  /** Distinguishes the spaces of one owner. Like `owner` free of control characters. */
  readonly name: string;
}

export interface KvPlace {
  readonly space: KvSpace;
  /** 1 to 256 bytes of UTF-8. */
  readonly key: string;
}

/** What must hold for a write to be done. */
export type KvCondition =
  | { readonly is: 'any' }
  | { readonly is: 'absent' }
  /** The key holds exactly this value. */
  | { readonly is: 'equal'; readonly value: Uint8Array };

interface At {
  readonly place: KvPlace;
}

interface Writing extends At {
  /** In exclusive spaces: compared with the newest epoch that was opened, in the step that writes (I3). */
  readonly epoch: bigint | undefined;
}

interface Making {
  /** The most keys of the space there may be when this makes one; `undefined` for any number. */
  readonly keysMax?: number | undefined;
}

interface Expiring {
  /** Milliseconds until the key vanishes; `undefined` for never. */
  readonly ttlMs: number | undefined;
}

export type KvCommand =
  | ({ readonly kind: 'get' } & At)
  /** Replaces whatever is there, and its expiry. */
  | ({ readonly kind: 'put'; readonly value: Uint8Array; readonly when: KvCondition } & Writing & Making & Expiring)
  | ({ readonly kind: 'delete'; readonly when: Exclude<KvCondition, { is: 'absent' }> } & Writing)
  /** Adds to a counter unless the result leaves the bounds. A missing key is 0; only one that this makes gets the TTL. */
  | ({
      readonly kind: 'add';
      readonly amount: bigint;
      readonly atLeast: bigint | undefined;
      readonly atMost: bigint | undefined;
    } & Writing &
      Making &
      Expiring)
  /** Adds to a set; the TTL, if any, begins anew with each member that is new. */
  | ({ readonly kind: 'add_member'; readonly member: Uint8Array } & Writing & Making & Expiring);

/** Of the commands that may make a key. */
export const keysMaxOf = (command: KvCommand): number | undefined =>
  'keysMax' in command ? command.keysMax : undefined;

/**
 * - `fenced`: the epoch is not the newest of the space's owner
 * - `wrong_type`: a set where a value or counter is due, a value where a set is, or a value that is no number
 * - `out_of_range`: the counter would leave 64 bits
 * - `full`: the key is not there, and the space has as many as it may have
 */
export type KvRefusal = 'fenced' | 'wrong_type' | 'out_of_range' | 'full';

export interface KvResult {
  readonly refused: undefined;
  /** `get`: the key is there. `delete`: it was there. Others: it was done; false where the condition did not hold. */
  readonly applied: boolean;
  /** `get`: what is there, unless it is a set. A write whose condition did not hold: what is there instead. */
  readonly value: Uint8Array | undefined;
  /** `add`: the counter now. `add_member`, and `get` of a set: members now. */
  readonly count: bigint | undefined;
}

export type KvReply = { readonly refused: KvRefusal } | KvResult;
