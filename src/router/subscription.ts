/**
 * A recipient's wish for one topic. It is in one of four states, and only its partition's reader moves it:
 *
 * - `live`: gets each batch as the reader takes it
 * - `behind`: waits for the catch-up scan that will bring it from `position` to the live reader
 * - `full`: the inbox refused; waits for room, then goes on from `position`
 * - `closed`
 */
import type { Position } from '../ports/cursor-store.ts';
import { hashOf } from './partition.ts';
import type { Recipient } from './recipient.ts';
import type { RecordGroup, RecordMeta } from './record-batch.ts';

type State = 'live' | 'behind' | 'full' | 'closed';

interface Delivered {
  readonly mark: number;
  readonly position: Position;
}

export class Subscription {
  readonly topic: string;
  readonly hash: number;
  readonly recipient: Recipient;
  /** Whether the recipient's place on the topic outlives its connection. */
  readonly durable: boolean;
  state: State = 'behind';
  /** No record before this one is wanted any more. */
  position: Position;
  #confirmed: Position;
  #awaiting: Delivered | undefined;
  #latest: Delivered | undefined;

  constructor(recipient: Recipient, topic: string, { durable, from }: { durable: boolean; from: Position }) {
    this.recipient = recipient;
    this.topic = topic;
    this.hash = hashOf(topic);
    this.durable = durable;
    this.position = from;
    this.#confirmed = from;
  }

  /** Offers what it wants of `group` at `offset`; on refusal it is `full`, and `position` says where it stopped. */
  deliver(offset: bigint, group: RecordGroup): boolean {
    if (offset < this.position.offset) return true;
    const wanted = this.position.offset === offset ? this.position.index - group.first : 0;
    const start = Math.max(0, wanted);
    if (start >= group.records) return true;
    if (group.filtered) return this.#deliverEach(offset, group, start);
    const mark = this.recipient.inbox.offer(group.framesFrom(start), group.records - start);
    return this.#settle(mark, { offset, index: group.first + (mark === undefined ? start : group.records) });
  }

  /** Everything offered up to `mark` has reached the peer. */
  confirm(mark: number): boolean {
    const found = [this.#latest, this.#awaiting].find((delivered) => delivered !== undefined && delivered.mark <= mark);
    if (found === undefined) return false;
    this.#confirmed = found.position;
    this.#awaiting = found === this.#latest ? undefined : this.#latest;
    if (found === this.#latest) this.#latest = undefined;
    return true;
  }

  /** How far the peer certainly is; `liveNext` is the offset the reader takes next. */
  cursor(liveNext: bigint): Position {
    const settled = this.#latest === undefined && this.#awaiting === undefined;
    return settled && this.state === 'live' ? { offset: liveNext, index: 0 } : this.#confirmed;
  }

  #deliverEach(offset: bigint, group: RecordGroup, start: number): boolean {
    const metas = group.metas();
    for (let index = start; index < group.records; index += 1) {
      const meta = metas[index];
      if (meta === undefined || !this.#isFor(meta)) continue;
      const mark = this.recipient.inbox.offer(group.frame(index), 1);
      if (!this.#settle(mark, { offset, index: group.first + index + (mark === undefined ? 0 : 1) })) return false;
    }
    return true;
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

  /** A progress update is not for its own source, and only for the recipient it names if it names one. */
  #isFor({ source, audience }: RecordMeta): boolean {
    if (audience === undefined) return true;
    const own = this.recipient.topic;
    if (source === own) return false;
    return audience.recipient === '' || audience.recipient === own || isWindowOf(own, audience.recipient);
  }
}

const isWindowOf = (topic: string, person: string): boolean =>
  person.startsWith('us::') && topic.startsWith(`${person}::`);
