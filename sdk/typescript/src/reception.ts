/**
 * What comes down a client's stream, sorted: messages and progress to their feeds, answers to their requests, refusals to
 * who listens for them. It also decides when to stop reading, which is the back-pressure to the gateway:
 *
 * - R1 No more is read while the application leaves `inboxBytesMax` of messages, or of progress, untaken;
 * - R2 except while an answer is awaited or the client is closing, since both lie behind the messages; then up to
 *   `inboxReserveFactor` times that.
 */
import { type AetherError, failure, messageOf } from './error.ts';
import { Feed } from './feed.ts';
import type { ConfigSnapshot } from './gen/aether/v1/connection.ts';
import { errorsKept, inboxReserveFactor, warningsMax } from './limits.ts';
import { type Arrival, Message, messageBytes } from './message.ts';
import { type ProgressUpdate, progressBytes, toProgressUpdate } from './progress.ts';
import { toReceipt } from './receipt.ts';
import type { ReceiptBook } from './receipt-book.ts';
import { arrivesInOrder, toRefusal } from './refusal.ts';
import { Requests } from './requests.ts';
import { type Downstream, decode } from './wire.ts';

type Signal = Extract<Downstream, { $case: 'signal' }>['value'];
type Ack = Extract<Downstream, { $case: 'connectionAck' }>['value'];

export interface ReceptionListener {
  readonly onAck: (ack: Ack) => void;
  readonly onSignal: (signal: Signal) => void;
  readonly onConfig: (config: ConfigSnapshot) => void;
}

/** Collects the refusal of one frame that has no request id: what is refused between two answers. */
export interface Verdict {
  refusal: AetherError | undefined;
}

export class Reception {
  readonly messages: Feed<Message>;
  readonly progress: Feed<ProgressUpdate>;
  readonly errors: Feed<AetherError> = new Feed({ backlog: 'dropped', newestMax: errorsKept });
  readonly requests: Requests = new Requests();
  /** On the present connection. */
  arrival: Arrival = {};
  /** Set while the client closes. */
  isClosing = false;
  readonly #book: ReceiptBook | undefined;
  #verdict: Verdict | undefined;
  #change: PromiseWithResolvers<void> | undefined;
  #warnings = 0;
  #hasWarnedOfUntaken = false;

  /** `book` is kept where the client asks for receipts. */
  constructor(inboxBytesMax: number, book: ReceiptBook | undefined) {
    this.#book = book;
    const onTaken = (): void => this.changed();
    this.messages = new Feed({ backlog: 'kept', bytesMax: inboxBytesMax, sizeOf: messageBytes, onTaken });
    this.progress = new Feed({ backlog: 'dropped', bytesMax: inboxBytesMax, sizeOf: progressBytes, onTaken });
  }

  /** Whether the next frames may be read. */
  mayRead(): boolean {
    if (!this.#isFull(1)) return true;
    this.#warnOfUntaken();
    return (this.requests.size > 0 || this.isClosing) && !this.isOverfull;
  }

  /** Not even the reserve is left. */
  get isOverfull(): boolean {
    return this.#isFull(inboxReserveFactor);
  }

  /** What was answered goes out, and what is read from now on is what closing waits for. */
  beginClosing(): void {
    this.isClosing = true;
    this.arrival.answers?.flush();
    this.changed();
  }

  /** Resolves at the next change of what `mayRead` depends on. */
  change(): Promise<void> {
    this.#change ??= Promise.withResolvers();
    return this.#change.promise;
  }

  changed(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }

  /** From now on refusals without a request id are this verdict's. */
  judge(verdict: Verdict): void {
    this.#verdict = verdict;
  }

  endJudging(verdict: Verdict): void {
    if (this.#verdict === verdict) this.#verdict = undefined;
  }

  take(frame: Uint8Array, listener: ReceptionListener): void {
    const payload = this.#decode(frame);
    if (payload === undefined) return;
    switch (payload.$case) {
      case 'msg':
        return this.messages.offer(new Message(payload.value, this.arrival));
      case 'deliveryBatch':
        for (const message of payload.value.messages) this.messages.offer(new Message(message, this.arrival));
        return undefined;
      case 'progressUpdate':
        return this.progress.offer(toProgressUpdate(payload.value));
      case 'error':
        return this.#refuse(toRefusal(payload.value));
      case 'connectionAck':
        return listener.onAck(payload.value);
      case 'signal':
        return listener.onSignal(payload.value);
      case 'config':
        return listener.onConfig(payload.value);
      default:
        return this.#answer(payload);
    }
  }

  /** Answers to requests, and receipts, which may be either. */
  #answer(payload: Downstream): void {
    if (payload.$case === 'receipts') return this.#book?.take(payload.value.receipts.map(toReceipt));
    if (payload.$case === 'receiptQueryResponse') {
      this.#book?.take(payload.value.receipts.map(toReceipt));
      this.#book?.takeUnknown(payload.value.unknownMessageIds);
    }
    this.requests.answer(payload);
  }

  /** Tells who listens of an error that answers no call of theirs; where nobody does, warns. */
  tell(error: AetherError): void {
    if (this.errors.hasConsumers) this.errors.offer(error);
    else this.warn(error);
  }

  /** Prints an error; not for ever. */
  warn(error: AetherError): void {
    this.#warnings += 1;
    if (this.#warnings > warningsMax) return;
    const last = this.#warnings === warningsMax ? '; no more errors are printed for this client' : '';
    const detail = 'onError() and errors() listen for these';
    process.emitWarning(`${error.message}${last}`, { type: 'AetherWarning', code: error.reason, detail });
  }

  #decode(frame: Uint8Array): Downstream | undefined {
    try {
      return decode(frame);
    } catch (cause) {
      this.tell(failure('INVALID_FRAME', `a frame could not be read: ${messageOf(cause)}`, { cause }));
      return undefined;
    }
  }

  #refuse(refusal: AetherError): void {
    if (this.requests.refuse(refusal) || this.#book?.refuse(refusal) === true) return;
    if (this.#verdict === undefined || !arrivesInOrder(refusal)) return this.tell(refusal);
    this.#verdict.refusal ??= refusal;
  }

  #isFull(factor: number): boolean {
    return this.messages.isFull(factor) || this.progress.isFull(factor);
  }

  #warnOfUntaken(): void {
    if (this.#hasWarnedOfUntaken || this.messages.wasConsumed) return;
    this.#hasWarnedOfUntaken = true;
    process.emitWarning(
      `${this.messages.length} messages wait and nobody takes them, so no more are read; ` +
        'use messages() or onMessage(), onMessage(() => {}) if none are wanted',
      { type: 'AetherWarning', code: 'MESSAGES_UNTAKEN' },
    );
  }
}
