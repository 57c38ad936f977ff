import type { RecordGroup } from './record-batch.ts';
import type { Subscribed } from './subscribed.ts';

/** Subscriptions by topic, found by the hash a batch carries before its topic text is looked at. */
export class Audience {
  readonly #byHash = new Map<number, Set<Subscribed>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(subscription: Subscribed): void {
    const found = this.#byHash.get(subscription.hash);
    if (found === undefined) this.#byHash.set(subscription.hash, new Set([subscription]));
    else found.add(subscription);
    this.#size += 1;
  }

  delete(subscription: Subscribed): boolean {
    const found = this.#byHash.get(subscription.hash);
    if (found?.delete(subscription) !== true) return false;
    if (found.size === 0) this.#byHash.delete(subscription.hash);
    this.#size -= 1;
    return true;
  }

  has(subscription: Subscribed): boolean {
    return this.#byHash.get(subscription.hash)?.has(subscription) ?? false;
  }

  /** Whether somebody here wants a topic of this hash. */
  wants(hash: number): boolean {
    return this.#byHash.has(hash);
  }

  *[Symbol.iterator](): IterableIterator<Subscribed> {
    for (const subscriptions of this.#byHash.values()) yield* subscriptions;
  }

  /** Hands each group of the batch that somebody here wants to each of them. */
  dispatch(groups: readonly RecordGroup[], deliver: (subscription: Subscribed, group: RecordGroup) => void): void {
    for (const group of groups) {
      const subscriptions = this.#byHash.get(group.hash);
      if (subscriptions === undefined) continue;
      const { topic } = group;
      for (const subscription of subscriptions) if (subscription.topic === topic) deliver(subscription, group);
    }
  }
}
