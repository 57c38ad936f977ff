/**
 * Where things stand in Redis. A name (an identity, a lease) has one of 64 buckets for ever, and all that is kept for
 * it carries the bucket as hash tag: one slot on a cluster, so one script can change all of it and many names at once.
 */
import { FabricError } from '../../model/error.ts';
import type { KvSpace } from '../../model/kv-command.ts';

export const defaultKeyPrefix = 'aether:';
export const buckets = 64;

/** FNV-1a of the name's UTF-8, 32 bits. Never change it: two processes that disagree would both hold a lease. */
export const bucketOf = (name: string): number => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % buckets;
};

export class RedisKeys {
  readonly #prefix: string;

  constructor(prefix: string = defaultKeyPrefix) {
    if (/[{}]/.test(prefix)) throw new FabricError('CONFIG_INVALID', `Redis key prefix "${prefix}" contains a brace`);
    this.#prefix = prefix;
  }

  /** What the keys of a bucket's leases begin with; the name follows. */
  leases(bucket: number): string {
    return `${this.#bucket(bucket)}lease:`;
  }

  lease(name: string): string {
    return this.leases(bucketOf(name)) + name;
  }

  /** Names of a bucket that may have a lease, in order. */
  names(bucket: number): string {
    return `${this.#bucket(bucket)}names`;
  }

  /** The highest epoch granted in a bucket. */
  epoch(bucket: number): string {
    return `${this.#bucket(bucket)}epoch`;
  }

  /** Cursors of an owner, who is named as its lease is. */
  cursors(owner: string): string {
    return `${this.#bucket(bucketOf(owner))}cursor:${owner}`;
  }

  /** The receipt of a message its sender has named; in the bucket of the sender. */
  receipt(owner: string, id: string): string {
    return `${this.#bucket(bucketOf(owner))}receipt:${owner} ${id}`;
  }

  /** Messages by when their time is over: `<owner> <id>`. Of all senders, so apart from their receipts. */
  get expiries(): string {
    return `${this.#prefix}expiries`;
  }

  /** The epoch opened last in an owner's name, for all that only it may write. */
  fence(owner: string): string {
    return `${this.#bucket(bucketOf(owner))}fence:${owner}`;
  }

  /** What the keys of a space begin with; the key follows. Owners and names of spaces have no control characters. */
  values({ owner, name }: KvSpace): string {
    return `${this.#bucket(bucketOf(owner))}kv:${owner}\n${name}\n`;
  }

  /** Keys of a space that may be there, in order. Without a name: what those of an owner's spaces begin with. */
  valueNames(owner: string, name: string): string {
    return `${this.#bucket(bucketOf(owner))}kvnames:${owner}\n${name}`;
  }

  /** Names of an owner's spaces that may have keys. */
  spaces(owner: string): string {
    return `${this.#bucket(bucketOf(owner))}kvspaces:${owner}`;
  }

  /** What the keys of an owner's checkpoints begin with; the name follows. */
  checkpoints(owner: string): string {
    return `${this.#bucket(bucketOf(owner))}checkpoint:${owner}\n`;
  }

  /** Names of checkpoints that may be there, in order. */
  checkpointNames(owner: string): string {
    return `${this.#bucket(bucketOf(owner))}checkpoints:${owner}`;
  }

  /** What a workspace has left of its rate. */
  workspaceRate(workspace: string): string {
    return `${this.#bucket(bucketOf(workspace))}rate:${workspace}`;
  }

  /** How many connections each gateway has in a workspace. */
  workspaceConnections(workspace: string): string {
    return `${this.#bucket(bucketOf(workspace))}connections:${workspace}`;
  }

  /** What the channels begin with on which keepers hear of losses; the keeper follows. */
  get losses(): string {
    return `${this.#prefix}losses:`;
  }

  /** Since when, in milliseconds since 1970, the store has kept what it was given; 0 for ever. */
  get since(): string {
    return `${this.#prefix}since`;
  }

  get hints(): string {
    return `${this.#prefix}hints`;
  }

  #bucket(bucket: number): string {
    return `${this.#prefix}{b${bucket}}:`;
  }
}
