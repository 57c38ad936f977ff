/**
 * A subscription of a recipient that acknowledges. Its place is the first record that is not done, together with what
 * is known of those behind it: which are done, and what the others have been through. So attempts survive the stream,
 * and a message that brings its recipient down each time ends in the dead letters.
 */
import type { Ahead, Position, Tries } from '../ports/cursor-store.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import { type Delivery, type Outstanding, untried } from './outstanding.ts';
import { hashOf } from './partition.ts';
import type { Recipient } from './recipient.ts';
import type { RecordGroup, RecordMeta } from './record-batch.ts';
import type { Subscribed } from './subscribed.ts';
import { nameOf, type Tracing, TrackedDeliveries, type TrackedVerdict } from './tracked-deliveries.ts';

/** A record that was offered. */
interface Entry {
  readonly offset: bigint;
  readonly index: number;
  /** `undefined` once it is done. */
  outstanding: Outstanding | undefined;
}

interface AckedSubscriptionFacts {
  readonly durable: boolean;
  readonly from: Position;
  readonly tracing: Tracing;
  readonly acks: Acknowledgements;
  /** The place has changed. */
  readonly onMoved: () => void;
}

export class AckedSubscription implements Subscribed {
  readonly topic: string;
  readonly hash: number;
  readonly recipient: Recipient;
  readonly durable: boolean;
  state: Subscribed['state'] = 'behind';
  position: Position;
  readonly #facts: AckedSubscriptionFacts;
  readonly #deliveries: TrackedDeliveries;
  /** From the first that is not done on, in order. */
  #entries: Entry[] = [];
  /** Names of messages that are to be answered. */
  readonly #open = new Set<string>();
  /** What was known of records that have not been reached yet. */
  readonly #known = new Map<string, Ahead>();

  constructor(recipient: Recipient, topic: string, facts: AckedSubscriptionFacts) {
    this.recipient = recipient;
    this.topic = topic;
    this.hash = hashOf(topic);
    this.durable = facts.durable;
    this.position = facts.from;
    this.#facts = facts;
    this.#deliveries = new TrackedDeliveries(facts.tracing);
    for (const one of facts.from.ahead ?? []) this.#known.set(keyOf(one), one);
  }

  deliver(offset: bigint, group: RecordGroup): boolean {
    if (offset < this.position.offset) return true;
    const start = Math.max(0, this.position.offset === offset ? this.position.index - group.first : 0);
    if (start >= group.records) return true;
    const metas = group.metas();
    for (let index = start; index < group.records; index += 1) {
      const meta = metas[index];
      const place = { offset, index: group.first + index };
      if (meta !== undefined && !this.#deliverOne(place, meta, () => group.frame(index))) return false;
      this.position = { offset, index: place.index + 1 };
    }
    return true;
  }

  confirm(mark: number): boolean {
    this.#deliveries.confirm(mark);
    return false;
  }

  cursor(liveNext: bigint): Position {
    const [first] = this.#entries;
    const place = first ?? (this.state === 'live' ? { offset: liveNext, index: 0 } : this.position);
    this.#forgetBefore(place);
    const ahead = [...this.#entries.flatMap(aheadOf), ...this.#known.values()];
    const { offset, index } = place;
    return ahead.length === 0 ? { offset, index } : { offset, index, ahead };
  }

  /** What was passed over, or is not in the log any more, is not waited for. */
  #forgetBefore({ offset, index }: Pick<Position, 'offset' | 'index'>): void {
    for (const [key, one] of this.#known) {
      if (one.offset > offset || (one.offset === offset && one.index >= index)) return;
      this.#known.delete(key);
    }
  }

  /** Whether to go on with the next record. */
  #deliverOne(place: Position, meta: RecordMeta, frame: () => Uint8Array): boolean {
    const known = this.#known.get(keyOf(place));
    if (known !== undefined && isDone(known)) {
      this.#known.delete(keyOf(place));
      this.#entries.push({ ...place, outstanding: undefined });
      this.#trim();
      return true;
    }
    const tries = known ?? untried;
    if (!this.#facts.acks.hasRoom(tries)) return this.#stop('full', place);
    const verdict = this.#verdictOn(meta);
    if (verdict === 'ask') return this.#ask(place, meta);
    if (verdict === 'pass') return this.#known.delete(keyOf(place)) || true;
    return this.#offer(place, { meta, tries, frame: Buffer.from(frame()) });
  }

  /** A copy is not wanted while the other is still to be answered, whichever of them came to the log first. */
  #verdictOn({ tracked }: RecordMeta): TrackedVerdict {
    if (tracked === undefined) return 'deliver';
    return this.#open.has(nameOf(tracked)) ? 'pass' : this.#deliveries.consider(tracked);
  }

  #offer(
    place: Position,
    { meta, tries, frame }: { readonly meta: RecordMeta; readonly tries: Tries; readonly frame: Uint8Array },
  ): boolean {
    const { acks } = this.#facts;
    const entry: Entry = { offset: place.offset, index: place.index, outstanding: undefined };
    const delivery = this.#deliveryOf(entry, meta, { frame, tries });
    if (tries.attempts >= acks.attemptsMax) {
      this.#deliveries.endRun(undefined);
      entry.outstanding = acks.giveUp(delivery);
    } else {
      const offered = acks.offer(delivery);
      this.#deliveries.endRun(offered?.mark);
      if (offered === undefined) return this.#stop('full', place);
      entry.outstanding = offered.outstanding;
    }
    this.#known.delete(keyOf(place));
    this.#entries.push(entry);
    if (meta.tracked !== undefined && meta.tracked.id !== '') this.#open.add(nameOf(meta.tracked));
    return true;
  }

  #deliveryOf(
    entry: Entry,
    { source, tracked }: RecordMeta,
    { frame, tries }: { readonly frame: Uint8Array; readonly tries: Tries },
  ): Delivery {
    const { tracing, onMoved } = this.#facts;
    return {
      topic: this.topic,
      source,
      frame,
      place: { offset: entry.offset, index: entry.index },
      tracked,
      tracing,
      tries,
      changed: onMoved,
      done: () => {
        entry.outstanding = undefined;
        if (tracked !== undefined) this.#open.delete(nameOf(tracked));
        this.#trim();
        onMoved();
      },
      release: undefined,
    };
  }

  #trim(): void {
    const first = this.#entries.findIndex(({ outstanding }) => outstanding !== undefined);
    if (first !== 0) this.#entries = first === -1 ? [] : this.#entries.slice(first);
  }

  #stop(state: 'full' | 'asking', place: Position): false {
    this.state = state;
    this.position = place;
    return false;
  }

  #ask(place: Position, { tracked }: RecordMeta): false {
    if (tracked !== undefined) void this.#deliveries.ask(tracked).then(() => this.recipient.resume(this));
    return this.#stop('asking', place);
  }
}

const keyOf = ({ offset, index }: Pick<Ahead, 'offset' | 'index'>): string => `${offset}.${index}`;

const isDone = ({ attempts, losses, unseen }: Tries): boolean => attempts + losses + unseen === 0;

const aheadOf = ({ offset, index, outstanding }: Entry): readonly Ahead[] => {
  const { attempts, losses, unseen } = outstanding?.kept ?? untried;
  const one = { offset, index, attempts, losses, unseen };
  return outstanding !== undefined && isDone(one) ? [] : [one];
};
