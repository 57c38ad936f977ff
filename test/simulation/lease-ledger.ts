/**
 * The lease of each name as a store that keeps its contract would have it: from it follows when a session was superseded
 * and from when on it must have no effect any more.
 */
import type { Acquisition, Lease, LeaseRequest } from '../../src/ports/lease-store.ts';
import { keeperLeaseName } from '../../src/presence/gateway-lease.ts';
import type { Ledger } from './ledger.ts';

interface Held {
  readonly epoch: bigint;
  readonly holder: string;
  readonly keeper: string;
  state: 'held' | 'lingering';
  untilMs: number;
}

/** From when on a session must have no effect. */
interface Deadline {
  readonly atMs: number;
  readonly why: string;
}

export interface LeaseTimes {
  readonly identityTtlMs: number;
  readonly gatewayTtlMs: number;
}

export class LeaseLedger {
  readonly #ledger: Ledger;
  readonly #held = new Map<string, Held>();
  readonly #sessions = new Map<string, { readonly name: string; readonly epoch: bigint; readonly sinceMs: number }>();
  readonly #highest = new Map<string, bigint>();
  #wipedMs = Number.NEGATIVE_INFINITY;
  /** By `name epoch`. */
  readonly #deadlines = new Map<string, Deadline>();
  /** Sessions that were taken over although their peer would have answered. */
  readonly #wronged = new Set<string>();
  readonly #times: LeaseTimes;
  /** By session: whether its client would have answered its gateway all the time since. */
  readonly #peers = new Map<string, (sinceMs: number) => boolean>();

  constructor(ledger: Ledger, times: LeaseTimes) {
    this.#ledger = ledger;
    this.#times = times;
  }

  acquired(request: LeaseRequest, answer: Acquisition): void {
    const before = this.#live(request.name);
    const isResumption = before !== undefined && request.resumes !== '' && before.holder === request.resumes;
    if (isResumption && (answer.outcome !== 'granted' || !answer.resumed))
      this.#breach('I1', `${request.holder} may resume ${request.resumes} and was not let`, request.name);
    if (answer.outcome !== 'granted') return;
    const { epoch } = answer.record;
    this.#ledger.say(`grants ${request.name} to ${request.holder} under ${epoch}`);
    if (epoch <= (this.#highest.get(request.name) ?? 0n))
      this.#breach('I1', `epoch ${epoch} of ${request.name} was there before`, request.name);
    const last = this.#held.get(request.name);
    if (last !== undefined) this.#supersede(request, last);
    this.#highest.set(request.name, epoch);
    this.#sessions.set(request.holder, { name: request.name, epoch, sinceMs: this.#ledger.nowMs });
    const { holder, keeper } = request;
    const untilMs = this.#ledger.nowMs + request.ttlMs;
    this.#held.set(request.name, { epoch, holder, keeper, state: 'held', untilMs });
  }

  epochOf(sessionId: string): bigint | undefined {
    return this.#sessions.get(sessionId)?.epoch;
  }

  renewed({ name, epoch }: Lease, ttlMs: number): void {
    const held = this.#held.get(name);
    if (held?.epoch === epoch) held.untilMs = this.#ledger.nowMs + ttlMs;
  }

  released({ name, epoch }: Pick<Lease, 'name' | 'epoch'>, lingerMs: number): void {
    const held = this.#held.get(name);
    if (held?.epoch !== epoch) return;
    held.state = 'lingering';
    held.untilMs = this.#ledger.nowMs + lingerMs;
  }

  /** Two may act until the older one's gateway has asked for its own lease again. */
  wiped(): void {
    this.#wipedMs = this.#ledger.nowMs;
    const atMs = this.#wipedMs + this.#times.gatewayTtlMs;
    for (const [name, { epoch, state }] of this.#held)
      if (state === 'held') this.#deadlines.set(`${name} ${epoch}`, { atMs, why: 'the store had lost its data' });
    this.#held.clear();
  }

  /** From when on nothing may be accepted in this name under this epoch; `undefined` while it has no successor. */
  deadlineOf(name: string, epoch: bigint): Deadline | undefined {
    const isNewest = this.#highest.get(name) === epoch;
    return isNewest ? undefined : this.#deadlines.get(`${name} ${epoch}`);
  }

  /** Whether nobody was granted the identity after this session. */
  isNewest(sessionId: string): boolean {
    const session = this.#sessions.get(sessionId);
    return session !== undefined && this.#highest.get(session.name) === session.epoch;
  }

  /** A session's client is there, and `isResponsive` tells whether it would have answered all the time since. */
  connected(sessionId: string, isResponsive: (sinceMs: number) => boolean): void {
    this.#peers.set(sessionId, isResponsive);
  }

  /** The client of a session hears that somebody newer has its identity. */
  toldSuperseded(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    // A store that has lost its data takes everybody for superseded.
    if (session !== undefined && this.isNewest(sessionId) && session.sinceMs > this.#wipedMs)
      this.#breach(
        'I1',
        `session ${sessionId} of ${session.name} was ended for a newer one that is not there`,
        sessionId,
      );
    if (this.#wronged.has(sessionId))
      this.#breach('I1', `session ${sessionId} was taken over although its peer was there`, sessionId);
  }

  #supersede(request: LeaseRequest, before: Held): void {
    const { nowMs } = this.#ledger;
    const isHeld = before.state === 'held' && this.#live(request.name) === before;
    const isKept = isHeld && this.#live(keeperLeaseName(before.keeper)) !== undefined;
    const isResumption = before.holder === request.resumes;
    // A holder whose lease or gateway is still there is told, and if the notice is lost it finds out by renewing.
    const atMs = isKept ? nowMs + this.#times.identityTtlMs : Math.max(nowMs, this.#wipedMs + this.#times.gatewayTtlMs);
    const why = isKept ? `${request.holder} had taken over` : 'its lease had run out and been granted again';
    this.#deadlines.set(`${request.name} ${before.epoch}`, { atMs, why });
    if (isHeld && !isResumption && request.overEpoch !== before.epoch)
      this.#breach('I1', `${request.name} was granted though ${before.holder} held it`, request.name);
    if (isKept && !isResumption && this.#peers.get(before.holder)?.(nowMs - peerPatienceMs) === true)
      this.#wronged.add(before.holder);
  }

  /** What has run out by this ledger's time is free; a store is only exact to the millisecond. */
  #live(name: string): Held | undefined {
    const held = this.#held.get(name);
    return held !== undefined && held.untilMs > this.#ledger.nowMs + 1 ? held : undefined;
  }

  #breach(promise: 'I1', what: string, name: string): void {
    this.#ledger.breach(promise, what, [name]);
  }
}

/** Longer than a gateway waits for a peer's answer. */
const peerPatienceMs = 3000;
