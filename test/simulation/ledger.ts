/**
 * What really happened, known by nobody in the simulated world: what the stores granted, stored and answered, what each
 * gateway took from its clients, and what reached their transports. The promises that can be judged at the moment
 * something happens are judged here; the others are left to the checkers of histories, at the end.
 */
import type { HistoryEvent } from '../history/event.ts';
import { wipeKind } from '../history/receipts.ts';
import { LeaseLedger, type LeaseTimes } from './lease-ledger.ts';
import { PlaceLedger } from './place-ledger.ts';
import { RecordLedger } from './record-ledger.ts';
import type { Scheduler } from './scheduler.ts';
import { StateLedger } from './state/state-ledger.ts';
import { keyOf, type Tag } from './tag.ts';
import type { Trace } from './trace.ts';

/** A promise of ARCHITECTURE.md that was not kept. */
export interface Breach {
  readonly promise: `I${number}`;
  readonly atMs: number;
  readonly what: string;
  /** Words that are in the lines of the trace that belong to it. */
  readonly about: readonly string[];
}

export class Ledger {
  readonly scheduler: Scheduler;
  readonly #trace: Trace;
  readonly events: HistoryEvent[] = [];
  readonly breaches: Breach[] = [];
  readonly leases: LeaseLedger;
  readonly places: PlaceLedger;
  readonly records: RecordLedger;
  readonly state: StateLedger;
  /** Everything is mended; clients only take what is theirs. */
  isFinishing = false;
  /** Nothing is lost or held up any more either: whoever goes on for ever now has a reason of its own. */
  isQuiet = false;
  /** Acknowledged work: some worker is to get it. */
  readonly #jobs: Tag[] = [];
  /** By recipient: the messages its transports have had. */
  readonly #received = new Map<string, Set<string>>();
  readonly #numbers = new Map<string, number>();
  readonly #takenAtMs = new Map<string, number>();
  /** When something was last lost, cut, slow, stalled or killed. */
  #troubledAtMs = Number.NEGATIVE_INFINITY;

  constructor(scheduler: Scheduler, trace: Trace, times: LeaseTimes) {
    this.scheduler = scheduler;
    this.#trace = trace;
    this.leases = new LeaseLedger(this, times);
    this.places = new PlaceLedger(this);
    this.records = new RecordLedger(this);
    this.state = new StateLedger(() => scheduler.nowMs);
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  write(event: HistoryEvent): void {
    this.events.push(event);
  }

  say(what: string): void {
    this.#trace.say('store', what);
  }

  breach(promise: Breach['promise'], what: string, about: readonly string[]): void {
    this.breaches.push({ promise, atMs: this.nowMs, what, about });
    this.#trace.say('BROKEN', `${promise}: ${what}`);
  }

  trouble(): void {
    this.troubleFor(0);
  }

  troubleFor(ms: number): void {
    this.#troubledAtMs = Math.max(this.#troubledAtMs, this.nowMs + ms);
  }

  isCalmSince(ms: number): boolean {
    return this.#troubledAtMs < ms;
  }

  wiped(): void {
    this.trouble();
    this.write({ e: 'disturbed', at: this.nowMs, until: this.nowMs, kind: wipeKind, target: 'redis' });
    this.places.wiped();
    this.leases.wiped();
    this.state.wiped();
    this.say('loses all its data');
  }

  /** The number of the next message of a lane. */
  nextNumber(from: string, to: string): number {
    const number = (this.#numbers.get(`${from} ${to}`) ?? 0) + 1;
    this.#numbers.set(`${from} ${to}`, number);
    return number;
  }

  /** A gateway has read this message from its client's stream. */
  taken(tag: Tag): void {
    this.#takenAtMs.set(keyOf(tag), this.nowMs);
  }

  takenAtMs(tag: Tag): number | undefined {
    return this.#takenAtMs.get(keyOf(tag));
  }

  /** The sender of work was told that it is durable. */
  owed(tag: Tag): void {
    this.#jobs.push(tag);
  }

  /** Acknowledged work that no worker got. */
  undone(): Tag[] {
    return this.#jobs.filter((tag) => !this.hasReceived(tag.to, tag));
  }

  received(identity: string, tag: Tag): void {
    let received = this.#received.get(identity);
    if (received === undefined) this.#received.set(identity, (received = new Set()));
    received.add(keyOf(tag));
  }

  hasReceived(identity: string, tag: Tag): boolean {
    return this.#received.get(identity)?.has(keyOf(tag)) ?? false;
  }
}
