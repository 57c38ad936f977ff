import type { KvCommand, KvReply, KvSpace } from '../model/kv-command.ts';

export interface KvPageRequest {
  /** What the keys begin with; empty for all of the space. */
  readonly prefix: string;
  /** The key after which the page starts; empty for the first page. */
  readonly after: string;
  /** Keys, at least 1. */
  readonly limit: number;
  /** The page ends before keys (twice) and values are more than this; it has at least one key in any case. */
  readonly bytesMax: number;
}

export interface KvListed {
  readonly key: string;
  /** `undefined` for a set. */
  readonly value: Uint8Array | undefined;
}

export interface KvPage {
  /** In the order of the keys' bytes. */
  readonly entries: readonly KvListed[];
  /** Where the next page starts; absent on the last. */
  readonly next?: string;
}

/**
 * Keys with values, counters and sets. Every command is atomic and durable when it is answered, and commands on one key
 * are linearizable; what is asked in one turn of the event loop shares round trips and disk writes. Commands of one
 * process on one owner's keys are carried out in the order they were asked. A key that has expired is gone for all of
 * them. After `STORE_UNAVAILABLE` a write may or may not have been done, or be done later. Values handed in must not
 * change until the answer.
 */
export interface KvStore {
  /** Fences off every lower epoch of the owner. False to an older one. Exclusive writes need the epoch opened last. */
  open(owner: string, epoch: bigint): Promise<boolean>;
  run(command: KvCommand): Promise<KvReply>;
  /** Keys that come or go while pages are read may be missed or seen; the others are seen once. */
  list(space: KvSpace, request: KvPageRequest): Promise<KvPage>;
  /**
   * Deletes what was written under epochs of an owner, in all its spaces; says how many keys. Not those written meanwhile.
   * Under an epoch, which is what its own sessions ask with, it is compared as in a write, also while keys are being
   * deleted: `undefined` to one that is not the newest.
   */
  purge(owner: string, epoch: bigint | undefined): Promise<number | undefined>;
}
