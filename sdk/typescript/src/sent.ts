import { failure } from './error.ts';
import type { Receipt, ReceiptState, Rung } from './receipt.ts';

export interface ReceiptWait {
  /** Gives up waiting. The message goes its way. */
  readonly signal?: AbortSignal | undefined;
}

/** What a sent message needs to know of how far it has come. */
export interface Tracked {
  readonly id: string;
  readonly receipt: Receipt | undefined;
  reach(rung: Rung, wait: ReceiptWait): Promise<Receipt>;
}

/**
 * A message that has been sent. Where the client asks for receipts it can be waited for as far as one likes; each wait
 * rejects where that is out of reach: the message was refused or denied, has expired, or went to the dead letters.
 */
export class Sent {
  readonly #tracked: Tracked | undefined;

  constructor(tracked: Tracked | undefined) {
    this.#tracked = tracked;
  }

  /** Its name, under which `client.receipts.get` finds it. `undefined` where the client asks for no receipts. */
  get id(): string | undefined {
    return this.#tracked?.id;
  }

  /** How far it is known here to have come. */
  get state(): ReceiptState | undefined {
    return this.#tracked?.receipt?.state;
  }

  /** A gateway has taken it. */
  accepted(wait: ReceiptWait = {}): Promise<Receipt> {
    return this.#reach('accepted', wait);
  }

  /** The log has it: it is not lost any more. */
  durable(wait: ReceiptWait = {}): Promise<Receipt> {
    return this.#reach('durable', wait);
  }

  /** The recipient's transport has it. Messages to topics with several recipients stop at durable. */
  delivered(wait: ReceiptWait = {}): Promise<Receipt> {
    return this.#reach('delivered', wait);
  }

  /** The recipient, one that acknowledges, is done with it. */
  acked(wait: ReceiptWait = {}): Promise<Receipt> {
    return this.#reach('acked', wait);
  }

  async #reach(rung: Rung, wait: ReceiptWait): Promise<Receipt> {
    if (this.#tracked !== undefined) return this.#tracked.reach(rung, wait);
    throw failure('RECEIPTS_OFF', 'this client asks for no receipts: connect with { receipts: true }');
  }
}
