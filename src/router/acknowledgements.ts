/**
 * What a recipient that acknowledges has to answer for (`outstanding`). What is to be tried again goes out again here,
 * or back to the work queue for any worker. Bounded in number and bytes; a full one takes nothing new until something
 * is done, nor does one with a delivery out that is to be alone.
 */

import { FabricError } from '../model/error.ts';
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { Position, Tries } from '../ports/cursor-store.ts';
import type { DeadLetterStore } from '../ports/dead-letter-store.ts';
import type { Log } from '../ports/log.ts';
import type { Tracked } from './batch-format.ts';
import type { Inbox } from './inbox.ts';
import { type Delivery, isForItself, Outstanding } from './outstanding.ts';

export interface AckSettings {
  /** How long a delivery may go without an answer. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  /** Deliveries of one stream without an answer, and their bytes. */
  readonly outstandingMax: number;
  readonly outstandingBytesMax: number;
}

/** What a delivery says of itself to its recipient. */
export interface DeliveryFacts {
  readonly deliveryId: number;
  /** From 1. */
  readonly attempt: number;
  /** Its place in its topic's partition; competing work has none. */
  readonly position: Position | undefined;
  readonly tracked: Tracked | undefined;
}

export interface AckFacts {
  readonly settings: AckSettings;
  /** The frame with what it says of itself, with its gRPC prefix. */
  readonly annotate: (frame: Uint8Array, facts: DeliveryFacts) => Uint8Array;
}

export interface Answers {
  readonly acked: readonly number[];
  readonly nacked: readonly { readonly deliveryId: number; readonly redeliverAfterMs: number }[];
}

interface AcknowledgementsDeps extends AckFacts {
  readonly identity: string;
  readonly inbox: Inbox;
  readonly deadLetterStore: DeadLetterStore;
  readonly clock: Clock;
  readonly log: Log;
  /** There is room again. */
  readonly onRoom: () => void;
  /** Stores its places; resolves with whether they are stored. */
  readonly keep: () => Promise<boolean>;
}

const buryAgainAfterMs = 1000;

export class Acknowledgements {
  readonly #deps: AcknowledgementsDeps;
  readonly #outstanding = new Map<number, Outstanding>();
  /** By the numbers they were given when the time of an attempt had run out; they keep the first one too. */
  readonly #renumbered = new Map<number, Outstanding>();
  /** The last that went out alone, until it is removed. */
  #alone: Outstanding | undefined;
  #bytes = 0;
  #lastId = 0;
  /** What somebody waits for: room for one more, or that nothing is out. */
  #wanted: 'nothing' | 'room' | 'silence' = 'nothing';
  #isClosed = false;
  #timer: { readonly atMs: number; readonly scheduled: Scheduled } | undefined;

  constructor(deps: AcknowledgementsDeps) {
    this.#deps = deps;
  }

  get attemptsMax(): number {
    return this.#deps.settings.attemptsMax;
  }

  /** Whether one more may be offered that has been through this; who hears that it may not is told when it may. */
  hasRoom(tries: Tries): boolean {
    const { outstandingMax, outstandingBytesMax } = this.#deps.settings;
    if (this.#isClosed) return false;
    if (this.#isAloneOut() || (isForItself(tries) && this.#isAnyOut())) this.#wanted = 'silence';
    else if (this.#outstanding.size >= outstandingMax || this.#bytes >= outstandingBytesMax) this.#wanted = 'room';
    else return true;
    return false;
  }

  /** Offers a delivery for the first time on this stream; `undefined` where the inbox has no room. */
  offer(delivery: Delivery): { readonly mark: number; readonly outstanding: Outstanding } | undefined {
    const outstanding = this.#open(delivery);
    const mark = this.#offer(outstanding);
    if (mark !== undefined) return { mark, outstanding };
    this.#remove(outstanding);
    return undefined;
  }

  /** Takes a delivery whose attempts are used up already. */
  giveUp(delivery: Delivery): Outstanding {
    const outstanding = this.#open(delivery);
    this.#bury(outstanding, 'the recipient went away each time before it answered');
    return outstanding;
  }

  /** The peer's transport has everything up to `mark`. */
  confirm(mark: number): void {
    const dueMs = this.#deps.clock.monotonic() + this.#deps.settings.timeoutMs;
    let any = false;
    for (const outstanding of this.#outstanding.values()) {
      const { stage, delivery } = outstanding;
      if (stage.at !== 'offered' || stage.mark > mark) continue;
      any = true;
      this.#receive(outstanding, dueMs);
      if (delivery.tracked !== undefined) delivery.tracing.tell(delivery.tracked, 'delivered');
    }
    if (any) this.#arm(dueMs);
  }

  /** The recipient's word on its deliveries; answers with the numbers that are none of them, or no more. */
  settle({ acked, nacked }: Answers): readonly number[] {
    const unknown: number[] = [];
    const wasAlone = this.#isAloneOut();
    for (const id of acked) {
      const outstanding = this.#answerable(id);
      if (outstanding === undefined) unknown.push(id);
      else this.#acknowledge(outstanding);
    }
    for (const { deliveryId, redeliverAfterMs } of nacked) {
      const outstanding = this.#answerable(deliveryId);
      if (outstanding === undefined) unknown.push(deliveryId);
      // An attempt whose time ran out has been counted.
      else if (outstanding.number === deliveryId) this.#fail(outstanding, 'refused by its recipient', redeliverAfterMs);
    }
    if (wasAlone) this.#sweep();
    else this.#tellRoom();
    return unknown;
  }

  /** The inbox has room again. */
  room(): void {
    this.#sweep();
  }

  /** What of a topic is still out is tried again when the recipient comes back to it. */
  forget(topic: string): void {
    for (const outstanding of this.#outstanding.values())
      if (outstanding.delivery.topic === topic && outstanding.delivery.release === undefined) this.#remove(outstanding);
    this.#tellRoom();
  }

  /**
   * No more answers will come. What is out was lost, unless the gateway itself ends the stream (`excused`): one alone
   * has used up an attempt, of several each has a loss. Its places can be stored then.
   */
  end({ excused }: { readonly excused: boolean }): void {
    const all = [...this.#outstanding.values()];
    const isSole = all.filter(({ isOut }) => isOut).length === 1;
    for (const outstanding of all) {
      if (!outstanding.isOut) continue;
      if (excused) outstanding.excuse();
      else outstanding.lose({ sole: isSole });
    }
  }

  /** The stream is over: what is out goes back to where it came from. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.scheduled.cancel();
    for (const { delivery, stage } of this.#outstanding.values()) if (stage.at !== 'burying') delivery.release?.();
    this.#outstanding.clear();
    this.#renumbered.clear();
  }

  #open(delivery: Delivery): Outstanding {
    this.#lastId += 1;
    const outstanding = new Outstanding(this.#lastId, delivery);
    this.#outstanding.set(outstanding.id, outstanding);
    this.#bytes += delivery.frame.byteLength;
    return outstanding;
  }

  #isAnyOut(): boolean {
    for (const { isOut } of this.#outstanding.values()) if (isOut) return true;
    return false;
  }

  #isAloneOut(): boolean {
    return this.#alone?.isAlone === true;
  }

  #remove({ id, delivery }: Outstanding): void {
    if (this.#outstanding.delete(id)) this.#bytes -= delivery.frame.byteLength;
    if (this.#alone?.id === id) this.#alone = undefined;
    for (const [number, other] of this.#renumbered) if (other.id === id) this.#renumbered.delete(number);
  }

  #answerable(number: number): Outstanding | undefined {
    const outstanding = this.#outstanding.get(number) ?? this.#renumbered.get(number);
    return outstanding?.stage.at === 'burying' ? undefined : outstanding;
  }

  /** What it had been called until now stays good for an acknowledgement. */
  #renumber(outstanding: Outstanding): void {
    this.#lastId += 1;
    outstanding.number = this.#lastId;
    this.#renumbered.set(outstanding.number, outstanding);
  }

  #offer(outstanding: Outstanding): number | undefined {
    const { number, delivery, attempt } = outstanding;
    const { place, tracked } = delivery;
    const position = typeof place === 'string' ? undefined : place;
    const frame = this.#deps.annotate(delivery.frame, { deliveryId: number, attempt, position, tracked });
    const mark = this.#deps.inbox.offer(frame, 1);
    if (mark === undefined) return undefined;
    outstanding.stage = { at: 'offered', mark };
    if (outstanding.isAlone) {
      this.#alone = outstanding;
      delivery.changed();
    }
    return mark;
  }

  #receive(outstanding: Outstanding, dueMs: number): void {
    outstanding.stage = { at: 'received', dueMs };
    outstanding.delivery.changed();
  }

  #acknowledge(outstanding: Outstanding): void {
    const { tracked, tracing } = outstanding.delivery;
    if (tracked !== undefined) tracing.tell(tracked, 'acked');
    this.#finish(outstanding);
  }

  #finish(outstanding: Outstanding): void {
    this.#remove(outstanding);
    outstanding.delivery.done();
  }

  #fail(outstanding: Outstanding, reason: string, afterMs: number): void {
    outstanding.fail();
    if (outstanding.tries.attempts >= this.attemptsMax) return this.#bury(outstanding, reason);
    const dueMs = this.#deps.clock.monotonic() + afterMs;
    outstanding.stage = { at: 'queued', dueMs };
    outstanding.delivery.changed();
    this.#arm(dueMs);
  }

  /** One timer for the earliest that is due. */
  #arm(atMs: number): void {
    if (this.#isClosed || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.scheduled.cancel();
    const { clock } = this.#deps;
    const scheduled = clock.schedule(Math.max(0, atMs - clock.monotonic()), () => {
      this.#timer = undefined;
      this.#sweep();
    });
    this.#timer = { atMs, scheduled };
  }

  /** Does what is due, and arms for what will be. */
  #sweep(): void {
    const nowMs = this.#deps.clock.monotonic();
    const wasAlone = this.#isAloneOut();
    let next: number | undefined;
    for (const outstanding of this.#outstanding.values()) {
      const { stage } = outstanding;
      if ((stage.at === 'received' || stage.at === 'queued') && stage.dueMs <= nowMs) this.#actOn(outstanding);
      const after = outstanding.stage;
      // What the inbox refused waits for its room, not for a moment.
      if ((after.at === 'received' || after.at === 'queued') && after.dueMs > nowMs)
        next = Math.min(next ?? after.dueMs, after.dueMs);
    }
    if (next !== undefined) this.#arm(next);
    if (wasAlone && !this.#isAloneOut()) this.#sweep();
    else this.#tellRoom();
  }

  #actOn(outstanding: Outstanding): void {
    if (outstanding.stage.at === 'received') this.#runOut(outstanding);
    if (outstanding.stage.at === 'queued') this.#tryAgain(outstanding);
  }

  #runOut(outstanding: Outstanding): void {
    this.#renumber(outstanding);
    this.#fail(outstanding, 'not acknowledged in time', 0);
  }

  #tryAgain(outstanding: Outstanding): void {
    const { delivery, tries } = outstanding;
    if (delivery.tracked !== undefined && delivery.tracing.isExpired(delivery.tracked)) {
      delivery.tracing.tellExpired(delivery.tracked, `after ${tries.attempts} attempts`);
      return this.#finish(outstanding);
    }
    if (delivery.release !== undefined) {
      this.#remove(outstanding);
      return delivery.release();
    }
    // Who is out alone is not to be joined; with its answer this is looked at again.
    if (!this.#isAloneOut()) this.#offer(outstanding);
  }

  /** Gives it to the dead letters; it is done when they have it. */
  #bury(outstanding: Outstanding, reason: string): void {
    outstanding.stage = { at: 'burying' };
    void this.#store(outstanding, { reason, isTried: false });
  }

  /**
   * That its attempts are used up is stored first: whatever happens from there on, it is not delivered any more, and
   * whoever comes next buries it under the same id. One that was tried may be there, whatever is known of it since.
   */
  async #store(outstanding: Outstanding, { reason, isTried }: { reason: string; isTried: boolean }): Promise<void> {
    const { deadLetterStore, log, clock, keep } = this.#deps;
    const { delivery, tries } = outstanding;
    const letter = this.#letterOf(outstanding, reason);
    let mayBeThere = isTried;
    try {
      if (!(await keep())) throw new FabricError('STORE_UNAVAILABLE', 'the place of its recipient could not be stored');
      if (!mayBeThere && (await this.#isOver(outstanding, letter.id))) return this.#leaveBe(outstanding);
      mayBeThere = true;
      await deadLetterStore.add([letter]);
    } catch (cause) {
      if (this.#isClosed) return;
      log.warn('a dead letter could not be stored, will be tried again', { topic: delivery.topic, cause });
      clock.schedule(buryAgainAfterMs, () => void this.#store(outstanding, { reason, isTried: mayBeThere }));
      return;
    }
    if (delivery.tracked !== undefined)
      delivery.tracing.tell(delivery.tracked, 'dead_lettered', `${reason}, after ${tries.attempts} attempts`);
    this.#leaveBe(outstanding);
  }

  /** Acknowledged on a stream that was lost before its place was stored, and not buried since. */
  async #isOver({ delivery: { tracked, tracing } }: Outstanding, letter: string): Promise<boolean> {
    if (tracked === undefined || !(await tracing.isOver(tracked))) return false;
    return (await this.#deps.deadLetterStore.get([letter])).length === 0;
  }

  #leaveBe(outstanding: Outstanding): void {
    this.#finish(outstanding);
    this.#tellRoom();
  }

  #letterOf({ delivery, tries }: Outstanding, reason: string) {
    const { identity, clock } = this.#deps;
    const { topic, source, frame, place, tracked } = delivery;
    return {
      id: typeof place === 'string' ? `${topic} ${place}` : `${identity} ${topic} ${place.offset}.${place.index}`,
      topic,
      recipient: identity,
      source,
      owner: tracked?.owner ?? '',
      messageId: tracked?.id ?? '',
      attempts: tries.attempts,
      reason,
      buriedAtMs: clock.now(),
      frame,
    };
  }

  #tellRoom(): void {
    if (this.#wanted === 'nothing' || this.#isClosed) return;
    if (this.#wanted === 'silence' && this.#isAnyOut()) return;
    const { outstandingMax, outstandingBytesMax } = this.#deps.settings;
    if (this.#outstanding.size >= outstandingMax || this.#bytes >= outstandingBytesMax) return;
    this.#wanted = 'nothing';
    this.#deps.onRoom();
  }
}
