/**
 * One delivery its recipient has not answered for, within its stream:
 *
 *     offered ──transport's answer──▶ received ──ack──▶ done
 *        ▲                              │ nack, timeout
 *        └────────── queued ◀───────────┤ an attempt is left
 *                                       └▶ burying ──durable──▶ done     none is
 *
 * A refusal and a time that ran out use up an attempt. A stream that is lost says nothing of which delivery brought its
 * recipient down, if any did, so what was lost together uses up none: it is a loss of each. Whoever has been lost so
 * often goes out alone, and what is lost alone uses up an attempt. So a crash costs nobody anything, and a message that
 * brings its recipient down each time ends in the dead letters all the same. Even if it does so before the transport
 * has answered: that looks like a recipient that could not be reached, so it takes more of these (`unseen`).
 */
import { lossesTogetherMax, lossesUnseenMax } from '../model/limits.ts';
import type { Position, Tries } from '../ports/cursor-store.ts';
import type { Tracked } from './batch-format.ts';
import type { Tracing } from './tracked-deliveries.ts';

export const untried: Tries = { attempts: 0, losses: 0, unseen: 0 };

export interface Delivery {
  readonly topic: string;
  readonly source: string;
  readonly frame: Uint8Array;
  /** In its topic's partition; of competing work its id in its queue. */
  readonly place: Position | string;
  readonly tracked: Tracked | undefined;
  readonly tracing: Tracing;
  /** Before this stream. */
  readonly tries: Tries;
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

/** Whether one that has been through this is to be out with no other. */
export const isForItself = ({ losses, unseen }: Tries): boolean =>
  losses >= lossesTogetherMax || unseen >= lossesUnseenMax;

export class Outstanding {
  readonly id: number;
  /** What its recipient answers with. Another one after a time that ran out: an answer to that may still be on its way. */
  number: number;
  readonly delivery: Delivery;
  tries: Tries;
  stage: Stage = { at: 'queued', dueMs: 0 };

  constructor(id: number, delivery: Delivery) {
    this.id = id;
    this.number = id;
    this.delivery = delivery;
    this.tries = delivery.tries;
  }

  /** How often it will have been delivered with the next time, or has been with this one; from 1. */
  get attempt(): number {
    return this.tries.attempts + this.tries.losses + 1;
  }

  /** With the recipient, or on its way there. */
  get isOut(): boolean {
    return this.stage.at === 'offered' || this.stage.at === 'received';
  }

  get isAlone(): boolean {
    return this.isOut && isForItself(this.tries);
  }

  /** What is kept of it in case nothing more is heard of its gateway. */
  get kept(): Tries {
    if (this.isAlone) return this.used();
    const { losses } = this.tries;
    return this.stage.at === 'received' ? { ...this.tries, losses: losses + 1 } : this.tries;
  }

  /** Its recipient did not get done with it. */
  fail(): void {
    this.tries = this.used();
  }

  /** Its stream is lost, and nothing else was out if it is `sole`. */
  lose({ sole }: { readonly sole: boolean }): void {
    const { tries, stage } = this;
    if (stage.at === 'received' && sole) this.tries = this.used();
    else if (stage.at === 'offered' && !this.isAlone) this.tries = { ...tries, unseen: tries.unseen + 1 };
    else this.tries = this.kept;
    this.stage = { at: 'queued', dueMs: 0 };
  }

  /** Its stream is over, and that is no loss. */
  excuse(): void {
    this.stage = { at: 'queued', dueMs: 0 };
  }

  /** With one attempt more. */
  used(): Tries {
    return { ...this.tries, attempts: this.tries.attempts + 1 };
  }
}
