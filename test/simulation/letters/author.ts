/**
 * Names its messages and waits for their receipts, as an SDK does: what is not known to be durable is sent again under its
 * name on the next stream, and what was not told is asked for.
 */
import { type Receipt, ReceiptState } from '../../../src/gen/aether/v1/fabric.ts';
import { SendMessage } from '../../../src/gen/aether/v1/message.ts';
import { uriOf } from '../../../src/model/extension.ts';
import { type Errand, writeErrand } from '../../chaos/load/errand.ts';
import type { ReceiptWord } from '../../history/event.ts';
import type { Ledger } from '../ledger.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimStream } from '../sim-stream.ts';
import type { Down, Duty } from './duty.ts';

export interface Post {
  readonly to: string;
  readonly errand: Errand;
  readonly ttlMs: number | undefined;
  readonly delayMs: number | undefined;
}

interface AuthorDeps {
  readonly identity: string;
  readonly process: SimProcess;
  readonly ledger: Ledger;
}

interface Letter {
  readonly message: SendMessage;
  isDurable: boolean;
  /** The first end it heard of. */
  end: ReceiptWord | undefined;
}

const askEveryMs = 700;
const emptySend = SendMessage.decode(new Uint8Array());
const words: ReadonlyMap<ReceiptState, ReceiptWord> = new Map([
  [ReceiptState.DENIED, 'denied'],
  [ReceiptState.ACCEPTED, 'accepted'],
  [ReceiptState.DURABLE, 'durable'],
  [ReceiptState.EXPIRED, 'expired'],
  [ReceiptState.DELIVERED, 'delivered'],
  [ReceiptState.DEAD_LETTERED, 'deadLettered'],
  [ReceiptState.ACKED, 'acked'],
]);
const ends: ReadonlySet<ReceiptWord> = new Set(['denied', 'expired', 'deadLettered', 'acked']);

export class Author implements Duty {
  readonly extensions = [uriOf('receipts')];
  readonly #deps: AuthorDeps;
  readonly #letters = new Map<string, Letter>();
  readonly #asked = new Set<string>();
  #stream: SimStream | undefined;
  #isAsking = false;
  /** How often it asks again where not all have come to an end after all: for receipts that were wiped there is none. */
  #patience = 60;

  constructor(deps: AuthorDeps) {
    this.#deps = deps;
  }

  /** Every letter has come to an end, and the fabric has said what it is now that all is over. */
  get isDone(): boolean {
    return this.#asked.size === this.#letters.size;
  }

  post({ to, errand, ttlMs, delayMs }: Post): void {
    const { identity, ledger } = this.#deps;
    const id = `letter-${this.#letters.size + 1}`;
    const message = {
      ...emptySend,
      targetTopic: to,
      payload: Buffer.from(writeErrand(errand)),
      messageId: id,
      ttlMs: BigInt(ttlMs ?? 0),
      delayMs: BigInt(delayMs ?? 0),
    };
    ledger.write({ e: 'posted', at: ledger.nowMs, who: identity, to, id, ...(ttlMs === undefined ? {} : { ttlMs }) });
    this.#letters.set(id, { message, isDurable: false, end: undefined });
    this.#send(message);
    this.#askLater();
  }

  begin(stream: SimStream): void {
    this.#stream = stream;
    for (const { message, isDurable, end } of this.#letters.values())
      if (!isDurable && end === undefined) this.#send(message);
    this.#askLater();
  }

  hear(payload: Down): boolean {
    if (payload.$case === 'receipts') this.#takeAll(payload.value.receipts);
    else if (payload.$case === 'receiptQueryResponse') this.#takeAnswer(payload.value);
    else return false;
    return true;
  }

  #send(message: SendMessage): void {
    if (this.#stream?.isOpen === true) this.#stream.say({ $case: 'send', value: message });
  }

  /** Now and then about all that have no end yet; when all have, once more about all of them. */
  #askLater(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#deps.process.after(askEveryMs, () => {
      this.#isAsking = false;
      this.#ask();
      if (!this.isDone) this.#askLater();
    });
  }

  #ask(): void {
    if (this.#stream?.isOpen !== true) return;
    const open = [...this.#letters].filter(([, { end }]) => end === undefined);
    for (const [, { message, isDurable }] of open) if (!isDurable) this.#send(message);
    const isOver = open.length === 0 && this.#deps.ledger.isFinishing;
    const messageIds = isOver ? [...this.#letters.keys()] : open.map(([id]) => id);
    const requestId = isOver ? 'all' : 'open';
    if (messageIds.length > 0) this.#stream.say({ $case: 'receiptQuery', value: { messageIds, requestId } });
  }

  #takeAnswer({
    requestId,
    receipts,
    unknownMessageIds,
  }: Extract<Down, { $case: 'receiptQueryResponse' }>['value']): void {
    this.#takeAll(receipts);
    for (const id of unknownMessageIds) if (this.#letters.get(id)?.isDurable === true) this.#take(id, 'unknown');
    // One that was told to have expired may have been on the wire, and come to another end after that.
    const states = receipts.map(({ messageId, state }) => [messageId, words.get(state) ?? 'unknown'] as const);
    if (requestId !== 'all') return;
    if (states.some(([, state]) => !ends.has(state)) && (this.#patience -= 1) > 0) return;
    for (const [id, state] of states) this.#note(id, state);
    for (const id of unknownMessageIds) this.#note(id, 'unknown');
  }

  #takeAll(receipts: readonly Receipt[]): void {
    for (const { messageId, state } of receipts) {
      const word = words.get(state);
      if (word !== undefined) this.#take(messageId, word);
    }
  }

  #take(id: string, state: ReceiptWord): void {
    const letter = this.#letters.get(id);
    if (letter === undefined) return;
    if (state !== 'accepted') letter.isDurable = true;
    if (letter.end !== undefined || !(ends.has(state) || state === 'unknown')) return;
    letter.end = state;
    this.#stream?.note(`hears that ${id} is ${state}`);
    const { ledger, identity } = this.#deps;
    ledger.write({ e: 'told', at: ledger.nowMs, who: identity, id, state });
  }

  #note(id: string, state: ReceiptWord): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    const { ledger, identity } = this.#deps;
    ledger.write({ e: 'asked', at: ledger.nowMs, who: identity, id, state });
  }
}
