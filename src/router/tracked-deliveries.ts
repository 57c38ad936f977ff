/**
 * What one subscription does for messages their senders have named, or that are not for ever: it passes over what has
 * expired and what it has delivered before, and tells how far the rest has come. A record that may be a duplicate is
 * looked up; one that is not marked never waits for that.
 */
import { expiredAfterDeliveryRank, type ReceiptState, stepOf } from '../model/receipt.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { Tracked } from './batch-format.ts';

export interface TracingDeps {
  readonly receipts: Receipts;
  readonly clock: Clock;
  readonly log: Log;
}

/** `ask`: whether it was delivered before has to be asked first. */
export type TrackedVerdict = 'deliver' | 'pass' | 'ask';

/** Whose messages on a topic have one recipient: of the others nothing is told beyond durable. */
export interface TracingFacts {
  readonly hasOneRecipient: boolean;
  /** Whether who receives them acknowledges. */
  readonly acknowledges: boolean;
}

/** Steps of receipts that come from the recipient's side. */
export class Tracing {
  readonly #deps: TracingDeps;
  readonly #facts: TracingFacts;

  constructor(deps: TracingDeps, facts: TracingFacts) {
    this.#deps = deps;
    this.#facts = facts;
  }

  get tellsDelivery(): boolean {
    return this.#facts.hasOneRecipient;
  }

  isExpired({ expiresAtMs }: Tracked): boolean {
    return expiresAtMs !== 0 && this.#deps.clock.now() >= expiresAtMs;
  }

  tell({ owner, id }: Tracked, state: ReceiptState, reason = ''): void {
    if (!this.#facts.hasOneRecipient || id === '') return;
    this.#deps.receipts.advance(stepOf(owner, { id, state, atMs: this.#deps.clock.now(), reason }));
  }

  /** Its time is over, and it will not be delivered any more. */
  tellExpired({ owner, id }: Tracked, reason = ''): void {
    if (!this.#facts.hasOneRecipient || id === '') return;
    const step = stepOf(owner, { id, state: 'expired', atMs: this.#deps.clock.now(), reason });
    // Whoever acknowledges may have had it before without getting done with it.
    this.#deps.receipts.advance(this.#facts.acknowledges ? { ...step, rank: expiredAfterDeliveryRank } : step);
  }

  /** Resolves with whether all that was told so far is stored. */
  stored(): Promise<boolean> {
    return this.#deps.receipts.stored();
  }

  /** Whether it has come to its end before, as its sender may have been told. */
  async isOver({ owner, id }: Tracked): Promise<boolean> {
    if (!this.#facts.hasOneRecipient || id === '') return false;
    const [receipt] = await this.#deps.receipts.get(owner, [id]);
    return receipt !== undefined && ended.has(receipt.state);
  }

  /**
   * Whether its recipient has had it before; one that acknowledges, whether it was done with it, since what may be a
   * copy may as well be what it has had and not answered. Never rejects: where that cannot be known, once more is right.
   */
  async wasDelivered({ owner, id }: Tracked): Promise<boolean> {
    try {
      const [receipt] = await this.#deps.receipts.get(owner, [id]);
      const enough = this.#facts.acknowledges ? ended : reached;
      return receipt !== undefined && enough.has(receipt.state);
    } catch (cause) {
      this.#deps.log.warn('a possible duplicate could not be looked up and is delivered', { owner, id, cause });
      return false;
    }
  }
}

const ended: ReadonlySet<ReceiptState> = new Set(['acked', 'dead_lettered']);
const reached: ReadonlySet<ReceiptState> = new Set([...ended, 'delivered']);

interface Offered {
  readonly mark: number;
  readonly tracked: Tracked;
}

export class TrackedDeliveries {
  readonly #tracing: Tracing;
  /** Of the run that is being put together. */
  #run: Tracked[] = [];
  /** Not yet confirmed by the peer's transport, oldest first. */
  #out: Offered[] = [];
  /** The keys of both. */
  readonly #keys = new Set<string>();
  /** What was answered about possible duplicates. */
  readonly #answers = new Map<string, boolean>();

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  /** What is to become of the next record; one to deliver joins the run. */
  consider(tracked: Tracked): TrackedVerdict {
    if (this.#tracing.isExpired(tracked)) {
      this.#tracing.tellExpired(tracked);
      return 'pass';
    }
    if (tracked.id === '') return 'deliver';
    const key = nameOf(tracked);
    if (tracked.isPossibleDuplicate) {
      const verdict = this.#verdictOn(key);
      if (verdict !== 'deliver') return verdict;
    }
    this.#run.push(tracked);
    this.#keys.add(key);
    return 'deliver';
  }

  /** The run has been offered under this mark, or refused. */
  endRun(mark: number | undefined): void {
    for (const tracked of this.#run) {
      if (mark === undefined) this.#keys.delete(nameOf(tracked));
      else this.#out.push({ mark, tracked });
    }
    this.#run = [];
  }

  confirm(mark: number): void {
    let count = 0;
    for (const { mark: offered, tracked } of this.#out) {
      if (offered > mark) break;
      count += 1;
      this.#keys.delete(nameOf(tracked));
      this.#tracing.tell(tracked, 'delivered');
    }
    if (count > 0) this.#out = this.#out.slice(count);
  }

  async ask(tracked: Tracked): Promise<void> {
    this.#answers.set(nameOf(tracked), await this.#tracing.wasDelivered(tracked));
  }

  #verdictOn(key: string): TrackedVerdict {
    if (this.#keys.has(key)) return 'pass';
    if (!this.#tracing.tellsDelivery) return 'deliver';
    const answer = this.#answers.get(key);
    if (answer === undefined) return 'ask';
    this.#answers.delete(key);
    return answer ? 'pass' : 'deliver';
  }
}

/** One name of one sender. */
export const nameOf = ({ owner, id }: Tracked): string => `${owner} ${id}`;
