/**
 * A session's receiving end: its subscriptions, its inbox, and how far its peer certainly is on each topic.
 */
import type { Position } from '../ports/cursor-store.ts';
import type { AckFacts, Acknowledgements } from './acknowledgements.ts';
import type { Inbox } from './inbox.ts';
import type { PartitionReader } from './partition-reader.ts';
import type { Subscribed } from './subscribed.ts';

export interface RecipientFacts {
  /** Owner of the cursors. */
  readonly identity: string;
  /** Its own topic: progress from it is not echoed to it. Empty where it has none. */
  readonly topic: string;
  readonly epoch: bigint;
  readonly inbox: Inbox;
  /** The cursors were opened by a newer session: this one is over. */
  readonly onFenced: () => void;
  /** Set where the recipient acknowledges what it gets. */
  readonly acks?: AckFacts | undefined;
}

interface Membership {
  readonly subscription: Subscribed;
  readonly reader: PartitionReader;
}

/** Beyond this many the places of left topics are only where they were last stored. */
const leftTopicsMax = 256;

/** Of the many that have been nowhere. */
const nowhere: ReadonlyMap<string, Position> = new Map();

export class Recipient {
  readonly identity: string;
  readonly topic: string;
  readonly epoch: bigint;
  readonly inbox: Inbox;
  readonly onFenced: () => void;
  /** Places as found when the session opened. */
  readonly #committed: ReadonlyMap<string, Position>;
  readonly #touched: (recipient: Recipient) => void;
  readonly #memberships = new Map<string, Membership>();
  /** Places on durable topics it has left, for when it comes back to them. */
  #left: Map<string, Position> | undefined;
  /** Set where the recipient acknowledges what it gets. */
  readonly acks: Acknowledgements | undefined;
  #workers: Set<(mark: number | undefined) => void> | undefined;

  constructor(
    facts: RecipientFacts,
    committed: ReadonlyMap<string, Position>,
    touched: (recipient: Recipient) => void,
    openAcks?: (recipient: Recipient) => Acknowledgements,
  ) {
    this.identity = facts.identity;
    this.topic = facts.topic;
    this.epoch = facts.epoch;
    this.inbox = facts.inbox;
    this.onFenced = facts.onFenced;
    this.#committed = committed.size === 0 ? nowhere : committed;
    this.#touched = touched;
    this.acks = openAcks?.(this);
  }

  get topics(): readonly string[] {
    return [...this.#memberships.keys()];
  }

  has(topic: string): boolean {
    return this.#memberships.has(topic);
  }

  join(subscription: Subscribed, reader: PartitionReader): void {
    this.#memberships.set(subscription.topic, { subscription, reader });
    reader.add(subscription);
    if (subscription.durable) this.#touched(this);
  }

  leave(topic: string): void {
    const membership = this.#memberships.get(topic);
    if (membership === undefined) return;
    const { subscription, reader } = membership;
    this.#memberships.delete(topic);
    if (subscription.durable) {
      if (this.#left === undefined || this.#left.size >= leftTopicsMax) this.#left = new Map();
      this.#left.set(topic, subscription.cursor(reader.next));
      this.#touched(this);
    }
    reader.remove(subscription);
    this.acks?.forget(topic);
  }

  /** Where it was on a topic when it last left it, in this session or before. */
  placeOn(topic: string): Position | undefined {
    return this.#left?.get(topic) ?? this.#committed.get(topic);
  }

  /** The inbox has room again: whoever it refused goes on. */
  room(): void {
    this.acks?.room();
    this.resumeFull();
  }

  /** Whoever had no room goes on. */
  resumeFull(): void {
    for (const { subscription, reader } of this.#memberships.values())
      if (subscription.state === 'full') reader.follow(subscription);
    for (const worker of this.#workers ?? []) worker(undefined);
  }

  /** What this subscription had to ask is answered. */
  resume(subscription: Subscribed): void {
    const membership = this.#memberships.get(subscription.topic);
    if (membership?.subscription === subscription && subscription.state === 'asking')
      membership.reader.follow(subscription);
  }

  /** The peer has everything up to `mark`. */
  confirmed(mark: number): void {
    this.acks?.confirm(mark);
    let moved = false;
    for (const { subscription } of this.#memberships.values())
      if (subscription.confirm(mark) && subscription.durable) moved = true;
    for (const worker of this.#workers ?? []) worker(mark);
    if (moved) this.#touched(this);
  }

  /** The place on one of its topics has changed. */
  moved(): void {
    this.#touched(this);
  }

  /** Tells a worker's deliveries of room (`undefined`) and of confirmations. */
  watch(worker: (mark: number | undefined) => void): Disposable {
    const workers = (this.#workers ??= new Set());
    workers.add(worker);
    return { [Symbol.dispose]: () => void workers.delete(worker) };
  }

  cursors(): ReadonlyMap<string, Position> {
    const positions = new Map<string, Position>(this.#left ?? []);
    for (const [topic, { subscription, reader }] of this.#memberships)
      if (subscription.durable) positions.set(topic, subscription.cursor(reader.next));
    return positions;
  }
}
