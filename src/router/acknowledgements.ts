/**
 * What a recipient that acknowledges has to answer for. Each delivery has a number within its stream and is
 *
 *     offered ──transport's answer──▶ received ──ack──▶ done
 *        ▲                              │ nack, timeout
 *        └────────── queued ◀───────────┤ an attempt is left
 *                                       └▶ burying ──durable──▶ done     none is
 *
 * An attempt counts once the peer's transport has had it: a client that cannot connect uses none up. What is queued
 * goes out again here, or back to the work queue for any worker. Bounded in number and bytes; a full one takes nothing
 * new until something is done.
 */
import type { Clock, Scheduled } from '../ports/clock.ts';
import type { Position } from '../ports/cursor-store.ts';
import type { DeadLetterStore } from '../ports/dead-letter-store.ts';
import type { Log } from '../ports/log.ts';
import type { Tracked } from './batch-format.ts';
import type { Inbox } from './inbox.ts';
import type { Tracing } from './tracked-deliveries.ts';

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

export interface Delivery {
  readonly topic: string;
  readonly source: string;
  readonly frame: Uint8Array;
  readonly position: Position | undefined;
  readonly tracked: Tracked | undefined;
  readonly tracing: Tracing;
  /** The attempt it begins with. */
  readonly attempt: number;
  /** Something of it has changed that its place tells of. */
  readonly changed: () => void;
  /** It needs nothing more. */
  readonly done: () => void;
  /** Gives it back for anybody, where it is not to be tried again here. */
  readonly release: (() => void) | undefined;
}

type Stage =
  | { readonly at: 'queued'; readonly dueMs: number }
  | { readonly at: 'offered'; readonly mark: number }
  | { readonly at: 'received'; readonly dueMs: number }
  | { readonly at: 'burying' };

export interface Outstanding {
  readonly id: number;
  readonly delivery: Delivery;
  attempt: number;
  /** Attempts that count. */
  tried: number;
  stage: Stage;
}

export interface Answers {
  readonly acked: readonly number[];
  readonly nacked: readonly { readonly deliveryId: number; readonly redeliverAfterMs: number }[];
}

interface AcknowledgementsDeps extends AckFacts {
  readonly identity: string;
  readonly epoch: bigint;
  readonly inbox: Inbox;
  readonly deadLetterStore: DeadLetterStore;
  readonly clock: Clock;
  readonly log: Log;
  /** There is room again. */
  readonly onRoom: () => void;
}

const buryAgainAfterMs = 1000;

export class Acknowledgements {
  readonly #deps: AcknowledgementsDeps;
  readonly #outstanding = new Map<number, Outstanding>();
  #bytes = 0;
  #lastId = 0;
  #wantsRoom = false;
  #isClosed = false;
  #timer: { readonly atMs: number; readonly scheduled: Scheduled } | undefined;

  constructor(deps: AcknowledgementsDeps) {
    this.#deps = deps;
  }

  get attemptsMax(): number {
    return this.#deps.settings.attemptsMax;
  }

  /** Whether one more may be offered; who hears that it may not is told of room. */
  hasRoom(): boolean {
    const { outstandingMax, outstandingBytesMax } = this.#deps.settings;
    const has = this.#outstanding.size < outstandingMax && this.#bytes < outstandingBytesMax && !this.#isClosed;
    if (!has) this.#wantsRoom = true;
    return has;
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
    for (const id of acked) {
      const outstanding = this.#answerable(id);
      if (outstanding === undefined) unknown.push(id);
      else this.#acknowledge(outstanding);
    }
    for (const { deliveryId, redeliverAfterMs } of nacked) {
      const outstanding = this.#answerable(deliveryId);
      if (outstanding === undefined) unknown.push(deliveryId);
      else this.#fail(outstanding, 'refused by its recipient', redeliverAfterMs);
    }
    this.#tellRoom();
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

  /** The gateway ends the stream for reasons of its own: that uses up nobody's attempt. */
  excuse(): void {
    for (const outstanding of this.#outstanding.values())
      if (outstanding.stage.at === 'received') outstanding.tried = outstanding.attempt - 1;
  }

  /** The stream is over: what is out goes back to where it came from. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.scheduled.cancel();
    for (const { delivery, stage } of this.#outstanding.values()) if (stage.at !== 'burying') delivery.release?.();
    this.#outstanding.clear();
  }

  #open(delivery: Delivery): Outstanding {
    this.#lastId += 1;
    const { attempt } = delivery;
    const stage = { at: 'queued', dueMs: 0 } as const;
    const outstanding: Outstanding = { id: this.#lastId, delivery, attempt, tried: attempt - 1, stage };
    this.#outstanding.set(outstanding.id, outstanding);
    this.#bytes += delivery.frame.byteLength;
    return outstanding;
  }

  #remove({ id, delivery }: Outstanding): void {
    if (this.#outstanding.delete(id)) this.#bytes -= delivery.frame.byteLength;
  }

  #answerable(id: number): Outstanding | undefined {
    const outstanding = this.#outstanding.get(id);
    return outstanding?.stage.at === 'burying' ? undefined : outstanding;
  }

  #offer(outstanding: Outstanding): number | undefined {
    const { id, delivery, attempt } = outstanding;
    const { position, tracked } = delivery;
    const frame = this.#deps.annotate(delivery.frame, { deliveryId: id, attempt, position, tracked });
    const mark = this.#deps.inbox.offer(frame, 1);
    if (mark !== undefined) outstanding.stage = { at: 'offered', mark };
    return mark;
  }

  #receive(outstanding: Outstanding, dueMs: number): void {
    outstanding.stage = { at: 'received', dueMs };
    outstanding.tried = outstanding.attempt;
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
    outstanding.tried = outstanding.attempt;
    if (outstanding.attempt >= this.#deps.settings.attemptsMax) return this.#bury(outstanding, reason);
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
    this.#tellRoom();
  }

  #actOn(outstanding: Outstanding): void {
    if (outstanding.stage.at === 'received') this.#fail(outstanding, 'not acknowledged in time', 0);
    if (outstanding.stage.at === 'queued') this.#tryAgain(outstanding);
  }

  #tryAgain(outstanding: Outstanding): void {
    const { delivery } = outstanding;
    if (delivery.tracked !== undefined && delivery.tracing.isExpired(delivery.tracked)) {
      delivery.tracing.tellExpiredAfterDelivery(delivery.tracked, `after ${outstanding.tried} attempts`);
      return this.#finish(outstanding);
    }
    if (delivery.release !== undefined) {
      this.#remove(outstanding);
      return delivery.release();
    }
    outstanding.attempt = outstanding.tried + 1;
    this.#offer(outstanding);
  }

  /** Gives it to the dead letters; it is done when they have it. */
  #bury(outstanding: Outstanding, reason: string): void {
    outstanding.stage = { at: 'burying' };
    void this.#store(outstanding, reason);
  }

  async #store(outstanding: Outstanding, reason: string): Promise<void> {
    const { deadLetterStore, log, clock } = this.#deps;
    const { delivery, tried } = outstanding;
    try {
      await deadLetterStore.add([this.#letterOf(outstanding, reason)]);
    } catch (cause) {
      log.warn('a dead letter could not be stored, will be tried again', { topic: delivery.topic, cause });
      if (!this.#isClosed) clock.schedule(buryAgainAfterMs, () => void this.#store(outstanding, reason));
      return;
    }
    if (delivery.tracked !== undefined)
      delivery.tracing.tell(delivery.tracked, 'dead_lettered', `${reason}, after ${tried} attempts`);
    this.#finish(outstanding);
    this.#tellRoom();
  }

  #letterOf({ id, delivery, tried }: Outstanding, reason: string) {
    const { identity, epoch, clock } = this.#deps;
    const { topic, source, frame, position, tracked } = delivery;
    return {
      id:
        position === undefined
          ? `${identity} ${epoch}.${id}`
          : `${identity} ${topic} ${position.offset}.${position.index}`,
      topic,
      recipient: identity,
      source,
      owner: tracked?.owner ?? '',
      messageId: tracked?.id ?? '',
      attempts: tried,
      reason,
      buriedAtMs: clock.now(),
      frame,
    };
  }

  #tellRoom(): void {
    if (!this.#wantsRoom || this.#isClosed || !this.hasRoom()) return;
    this.#wantsRoom = false;
    this.#deps.onRoom();
  }
}
