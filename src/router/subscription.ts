/** A subscription of a recipient that does not acknowledge: what its transport has answered for, it has. */
import type { Position } from '../ports/cursor-store.ts';
import type { ProgressAudience } from './batch-format.ts';
import { hashOf } from './partition.ts';
import type { Recipient } from './recipient.ts';
import type { RecordGroup, RecordMeta } from './record-batch.ts';
import type { Subscribed } from './subscribed.ts';
import { type Tracing, TrackedDeliveries, type TrackedVerdict } from './tracked-deliveries.ts';

interface Delivered {
  readonly mark: number;
  readonly position: Position;
}

interface SubscriptionFacts {
  readonly durable: boolean;
  readonly from: Position;
  readonly tracing: Tracing;
}

export class Subscription implements Subscribed {
  readonly topic: string;
  readonly hash: number;
  readonly recipient: Recipient;
  readonly durable: boolean;
  state: Subscribed['state'] = 'behind';
  position: Position;
  readonly #tracing: Tracing;
  /** Made when the first message comes that has a name or a time to live: most subscriptions see none. */
  #tracked: TrackedDeliveries | undefined;
  #confirmed: Position;
  #awaiting: Delivered | undefined;
  #latest: Delivered | undefined;

  constructor(recipient: Recipient, topic: string, { durable, from, tracing }: SubscriptionFacts) {
    this.recipient = recipient;
    this.topic = topic;
    this.hash = hashOf(topic);
    this.durable = durable;
    this.position = from;
    this.#confirmed = from;
    this.#tracing = tracing;
  }

  deliver(offset: bigint, group: RecordGroup): boolean {
    if (offset < this.position.offset) return true;
    const wanted = this.position.offset === offset ? this.position.index - group.first : 0;
    const start = Math.max(0, wanted);
    if (start >= group.records) return true;
    if (group.traits !== 0) return this.#deliverEach(offset, group, start);
    const mark = this.recipient.inbox.offer(group.framesFrom(start), group.records - start);
    return this.#settle(mark, { offset, index: group.first + (mark === undefined ? start : group.records) });
  }

  confirm(mark: number): boolean {
    this.#tracked?.confirm(mark);
    const found = [this.#latest, this.#awaiting].find((delivered) => delivered !== undefined && delivered.mark <= mark);
    if (found === undefined) return false;
    this.#confirmed = found.position;
    this.#awaiting = found === this.#latest ? undefined : this.#latest;
    if (found === this.#latest) this.#latest = undefined;
    return true;
  }

  cursor(liveNext: bigint): Position {
    const settled = this.#latest === undefined && this.#awaiting === undefined;
    return settled && this.state === 'live' ? { offset: liveNext, index: 0 } : this.#confirmed;
  }

  /** Looks at record after record; those for this recipient that lie next to each other go out together. */
  #deliverEach(offset: bigint, group: RecordGroup, start: number): boolean {
    let from = start;
    for (const [index, meta] of group.metas().entries()) {
      const verdict = index < start ? 'pass' : this.#verdictOn(meta);
      if (index < start || verdict === 'deliver') continue;
      if (!this.#offerRun(offset, group, { from, to: index })) return false;
      from = index + 1;
      if (verdict === 'ask') return this.#ask({ offset, index: group.first + index }, meta);
    }
    return this.#offerRun(offset, group, { from, to: group.records });
  }

  #offerRun(offset: bigint, group: RecordGroup, { from, to }: { readonly from: number; readonly to: number }): boolean {
    if (from === to) return true;
    const mark = this.recipient.inbox.offer(group.frames(from, to), to - from);
    this.#tracked?.endRun(mark);
    return this.#settle(mark, { offset, index: group.first + (mark === undefined ? from : to) });
  }

  /** Waits at `position` until it is known whether the record there was delivered before. */
  #ask(position: Position, { tracked }: RecordMeta): boolean {
    this.state = 'asking';
    this.position = position;
    if (tracked !== undefined)
      void this.#deliveries()
        .ask(tracked)
        .then(() => this.recipient.resume(this));
    return false;
  }

  #settle(mark: number | undefined, position: Position): boolean {
    if (mark === undefined) {
      this.state = 'full';
      this.position = position;
      return false;
    }
    this.position = position;
    this.#latest = { mark, position };
    this.#awaiting ??= this.#latest;
    return true;
  }

  #deliveries(): TrackedDeliveries {
    this.#tracked ??= new TrackedDeliveries(this.#tracing);
    return this.#tracked;
  }

  #verdictOn({ source, audience, tracked }: RecordMeta): TrackedVerdict {
    if (tracked !== undefined) return this.#deliveries().consider(tracked);
    return audience === undefined || this.#isFor(source, audience) ? 'deliver' : 'pass';
  }

  /** A progress update is not for its own source, and only for the recipient it names if it names one. */
  #isFor(source: string, { recipient }: ProgressAudience): boolean {
    const own = this.recipient.topic;
    if (source === own) return false;
    return recipient === '' || recipient === own || isWindowOf(own, recipient);
  }
}

const isWindowOf = (topic: string, person: string): boolean =>
  person.startsWith('us::') && topic.startsWith(`${person}::`);
