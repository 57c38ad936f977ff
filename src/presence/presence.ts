/**
 * The door of presence: identities are held exclusively, each by one session, under an epoch (I1). Sessions are opened,
 * resumed, taken over from the dead, watched and closed here; who is online anywhere is asked here too.
 */
import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hint, Hints } from '../ports/hints.ts';
import type { Acquisition, LeaseRecord, LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { LogWriter, MessageLog } from '../ports/message-log.ts';
import { Census } from './census.ts';
import { Directory, writeNote } from './directory.ts';
import { Fencing } from './fencing.ts';
import { GatewayLease } from './gateway-lease.ts';
import { Hearing } from './hearing.ts';
import { Keepers } from './keepers.ts';
import { kicked, leaseLost, superseded } from './loss.ts';
import { Probing } from './probing.ts';
import { Renewal } from './renewal.ts';
import { Roster } from './roster.ts';
import { type Online, type Peer, Session, type SessionNote } from './session.ts';
import { Succession } from './succession.ts';

export interface PresenceSettings {
  readonly gatewayId: string;
  /** How long an identity's lease lasts unrenewed, and how long a lost session can be resumed. */
  readonly identityTtlMs: number;
  readonly identityRenewEveryMs: number;
  /** How long a gateway that died keeps its identities from everyone else. */
  readonly gatewayTtlMs: number;
  readonly gatewayRenewEveryMs: number;
  /** How much earlier than the store a gateway stops trusting a lease: clock drift plus the time to notice. */
  readonly marginMs: number;
}

export interface PresenceDeps {
  readonly leaseStore: LeaseStore;
  readonly hints: Hints;
  readonly messageLog: Pick<MessageLog, 'enter' | 'fence'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface SessionRequest {
  readonly identity: string;
  readonly sessionId: string;
  /** Session to continue; empty for none. */
  readonly resumes: string;
  readonly note: Omit<SessionNote, 'gatewayId' | 'connectedAtMs'>;
  readonly peer: Peer;
}

const kickedPatienceMs = 1500;
/** How long a session that never was alone is waited for when it ends; after that its lease runs out by itself. */
const leavePatienceMs = 15_000;

export class Presence implements AsyncDisposable {
  readonly #settings: PresenceSettings;
  readonly #deps: PresenceDeps;
  readonly #roster = new Roster();
  readonly #directory: Directory;
  readonly #probing: Probing;
  readonly #fencing: Fencing;
  readonly #keepers: Keepers;
  readonly #succession: Succession;
  #census: Census | undefined;
  readonly #renewal: Renewal;
  /** By their epochs, grants on their way to a session. */
  readonly #admitting = new Map<bigint, Promise<void>>();
  readonly #closing = new AbortController();
  #gateway: GatewayLease | undefined;
  #hearing: Hearing | undefined;

  /** Takes the gateway's lease and starts keeping it. */
  static async open(settings: PresenceSettings, deps: PresenceDeps): Promise<Presence> {
    const presence = new Presence(settings, deps);
    try {
      await presence.#begin();
      return presence;
    } catch (cause) {
      // What already runs would keep the process from ending.
      await presence[Symbol.asyncDispose]();
      throw cause;
    }
  }

  private constructor(settings: PresenceSettings, deps: PresenceDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#directory = new Directory(deps);
    this.#probing = new Probing(deps);
    const { signal } = this.#closing;
    const { identityTtlMs } = settings;
    this.#fencing = new Fencing({ ...deps, signal });
    this.#keepers = new Keepers({ ...deps, ttlMs: settings.gatewayTtlMs, signal });
    this.#succession = new Succession({
      ...deps,
      keepers: this.#keepers,
      fencing: this.#fencing,
      identityTtlMs,
      signal,
    });
    this.#renewal = new Renewal({
      ...deps,
      sessions: () => this.#roster.all,
      ttlMs: settings.identityTtlMs,
      renewEveryMs: settings.identityRenewEveryMs,
      marginMs: settings.marginMs,
    });
  }

  /** In whose name this gateway appends to the log. */
  get writer(): LogWriter {
    if (this.#gateway === undefined) throw new FabricError('ERR_INTERNAL', 'presence has not begun');
    return this.#gateway.writer;
  }

  /** Sessions of this gateway. */
  get size(): number {
    return this.#roster.size;
  }

  /** Whether this gateway may hold identities now. */
  isReady(): boolean {
    return this.#gateway?.isHeld() ?? false;
  }

  /**
   * Takes an identity. Refused with `DUPLICATE_IDENTITY` while another session that is really there holds it; a holder
   * whose gateway died, or whose peer no longer answers, is replaced.
   */
  async open(request: SessionRequest): Promise<Session> {
    const resumes = await this.#holderToResume(request);
    using _ = this.#isElsewhere(resumes) ? this.#keepers.anticipate(resumes.keeper) : undefined;
    const first = await this.#take(request, resumes);
    if (first instanceof Session) return first;
    if (await this.#isHolderThere(first)) throw duplicate(request.identity);
    const second = await this.#take(request, first, first.epoch);
    if (second instanceof Session) return second;
    throw duplicate(request.identity);
  }

  /**
   * Gives the identity up. `resumable` keeps the session's claim for the lease's time, unless somebody takes it. With
   * `after` set something that was said on it may still land until that resolves. A session that is not over for
   * certain keeps its lease until it is, so that whoever comes next knows whom to wait for; nobody waits for that here.
   */
  async close(
    session: Session,
    { resumable, after }: { readonly resumable: boolean; readonly after?: Promise<void> | undefined },
  ): Promise<void> {
    session.close(after);
    this.#roster.leave(session, { isOver: session.alone === undefined && after === undefined });
    const released = this.#release(session, resumable ? this.#settings.identityTtlMs : 0);
    if (after === undefined) await this.#atMost(leavePatienceMs, released);
  }

  async #release(session: Session, lingerMs: number): Promise<void> {
    await session.closed;
    this.#roster.strike(session);
    if (session.lost.aborted) return;
    await this.#deps.leaseStore.release(session.lease, lingerMs).catch((cause: unknown) => {
      this.#deps.log.warn('lease could not be released, it will run out', { identity: session.identity, cause });
    });
  }

  async #atMost(ms: number, awaited: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#deps.clock.schedule(ms, late.resolve);
    await Promise.race([awaited, late.promise]);
    timer.cancel();
  }

  /** The session of an identity, on whichever gateway. */
  find(identity: string): Promise<Online | undefined> {
    return this.#directory.find(identity);
  }

  /** A former or present holder of exactly this session id. */
  async isHolder(identity: string, sessionId: string): Promise<boolean> {
    const [record] = await this.#deps.leaseStore.current([identity]);
    return record?.holder === sessionId;
  }

  /** Everyone online whose identity starts with `prefix`. */
  list(prefix: string): AsyncIterable<Online> {
    return this.#directory.list(prefix);
  }

  /** An instance of a service that is online, one of this gateway's if it has any. */
  async anyInstanceOf(implementation: string): Promise<string | undefined> {
    const instances = await this.#directory.instancesOf(implementation);
    const here = instances.filter((identity) => this.#roster.find(identity) !== undefined);
    const choices = here.length > 0 ? here : instances;
    return choices[Math.floor(this.#deps.entropy.random() * choices.length)];
  }

  /** Ends a session anywhere for good. Resolves once nothing can be done in its name any more. */
  async kick(online: Pick<Online, 'identity' | 'epoch'>, reason: string): Promise<void> {
    this.#deps.hints.publish({ kind: 'kick', identity: online.identity, epoch: online.epoch, reason });
    const untilMs = this.#deps.clock.monotonic() + kickedPatienceMs;
    while (this.#deps.clock.monotonic() < untilMs) {
      const [record] = await this.#deps.leaseStore.current([online.identity]);
      if (record?.epoch !== online.epoch) return;
      await this.#deps.clock.sleep(20, { signal: this.#closing.signal });
    }
    await this.#deps.leaseStore.release({ name: online.identity, epoch: online.epoch }, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#renewal[Symbol.asyncDispose](), this.#hearing?.stopped(), this.#census?.stopped()]);
    await this.#gateway?.[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    const settings = this.#settings;
    const deps = this.#deps;
    await deps.hints.subscribe((hint) => this.#hear(hint), { signal: this.#closing.signal });
    this.#gateway = await GatewayLease.open(
      {
        gatewayId: settings.gatewayId,
        ttlMs: settings.gatewayTtlMs,
        renewEveryMs: settings.gatewayRenewEveryMs,
        marginMs: settings.marginMs,
      },
      deps,
      (keeper) => this.#loseAll(keeper),
    );
    const { signal } = this.#closing;
    this.#hearing = new Hearing({ ...deps, gateway: this.#gateway, roster: this.#roster, signal });
    const facts = { keepers: this.#keepers, fencing: this.#fencing, everyMs: settings.gatewayRenewEveryMs };
    this.#census = new Census({ ...deps, ...facts, gateway: this.#gateway, signal });
  }

  /** The session, or who holds the identity. `replaced` is who does not, if it is granted. */
  async #take(
    request: SessionRequest,
    replaced: LeaseRecord | undefined,
    overEpoch?: bigint,
  ): Promise<Session | LeaseRecord> {
    try {
      const acquired = await this.#acquire(request, overEpoch);
      if (acquired.outcome === 'held') return acquired.record;
      const predecessor = acquired.resumed || overEpoch !== undefined ? replaced : undefined;
      return await this.#confirmed(acquired, () => this.#admit(acquired, request, predecessor));
    } catch (cause) {
      if (this.#isElsewhere(replaced)) this.#succession.doubt({ ...replaced, identity: request.identity });
      throw cause;
    }
  }

  async #acquire(request: SessionRequest, overEpoch: bigint | undefined): Promise<Acquired> {
    const gateway = this.#gateway;
    if (gateway?.isHeld() !== true) throw noLease();
    await gateway.mayGrant();
    if (!gateway.isHeld()) throw noLease();
    const askedAtMs = this.#deps.clock.monotonic();
    const { keeper } = gateway;
    const note = { ...request.note, gatewayId: this.#settings.gatewayId, connectedAtMs: this.#deps.clock.now() };
    const acquisition = await this.#deps.leaseStore.acquire({
      name: request.identity,
      holder: request.sessionId,
      keeper,
      note: writeNote(note),
      ttlMs: this.#settings.identityTtlMs,
      resumes: request.resumes,
      ...(overEpoch === undefined ? {} : { overEpoch }),
    });
    return { ...acquisition, askedAtMs, keeper };
  }

  /** Unless the store has lost its data, and granted what somebody else may hold. */
  async #confirmed({ record, keeper }: Granted, admit: () => Session): Promise<Session> {
    const over = Promise.withResolvers<void>();
    this.#admitting.set(record.epoch, over.promise);
    try {
      const gateway = this.#gateway;
      if (gateway?.keeper === keeper && (await gateway.isKnown())) return admit();
      await this.#deps.leaseStore.release(record, 0);
      throw noLease();
    } finally {
      this.#admitting.delete(record.epoch);
      over.resolve();
    }
  }

  /** Who holds what is to be resumed. Its lease changes hands without it: what may still come of it has to be known. */
  async #holderToResume({ identity, resumes }: SessionRequest): Promise<LeaseRecord | undefined> {
    if (resumes === '') return undefined;
    const [record] = await this.#deps.leaseStore.current([identity]);
    return record?.state === 'held' && record.holder === resumes ? record : undefined;
  }

  #admit(
    { record, resumed, askedAtMs, keeper }: Granted,
    { peer }: SessionRequest,
    predecessor: LeaseRecord | undefined,
  ): Session {
    const gateway = this.#gateway;
    if (gateway?.keeper !== keeper) throw leaseLost('this gateway lost its lease meanwhile');
    const now = (): number => (gateway.keeper === keeper && gateway.isHeld() ? this.#deps.clock.monotonic() : Infinity);
    const trustMs = this.#settings.identityTtlMs - this.#settings.marginMs;
    this.#roster.find(record.name)?.lose(superseded());
    const { alone, heard } = this.#succeed(record, predecessor);
    const hears = (): boolean => this.#hearing?.isFor(keeper) === true;
    const session = new Session(record, { resumed, peer, now, askedAtMs, trustMs, alone, heard, hears });
    this.#roster.enter(session);
    return session;
  }

  /** Of what this gateway had under the name, whether or not the store knows of it, and of predecessors elsewhere. */
  #succeed(
    { name: identity, epoch }: LeaseRecord,
    predecessor: LeaseRecord | undefined,
  ): Pick<Session, 'alone' | 'heard'> {
    const here = this.#roster.under(identity);
    const handovers = [...this.#succession.followDoubted(identity, epoch)];
    if (this.#isElsewhere(predecessor)) handovers.push(this.#succession.follow({ ...predecessor, identity }));
    const alone = allOf([
      ...here.map(({ closed }) => closed),
      this.#fencing.abandoned,
      this.#census?.fencing,
      ...handovers.map(({ settled }) => settled),
    ]);
    const heard = allOf([...here.map((session) => session.heard), ...handovers.map((handover) => handover.heard)]);
    return { alone, heard };
  }

  #isElsewhere(record: LeaseRecord | undefined): record is LeaseRecord {
    return record !== undefined && record.keeper !== this.#gateway?.keeper;
  }

  async #isHolderThere(record: LeaseRecord): Promise<boolean> {
    if (record.keeper !== this.#gateway?.keeper)
      return this.#probing.isAlive(record, this.#settings.gatewayTtlMs + this.#settings.marginMs);
    await this.#admitting.get(record.epoch);
    const session = this.#roster.find(record.name);
    // Without a session it is left over from an acquisition whose answer was lost.
    if (session?.epoch !== record.epoch) return false;
    return session.peer.isThere();
  }

  #hear(hint: Hint): void {
    if (hint.kind === 'receipts' || hint.kind === 'quotas') return;
    if (hint.kind === 'presence') this.#probing.hear(hint);
    if (hint.kind === 'presence' || hint.kind === 'heard') return this.#succession.hear(hint);
    if (hint.kind === 'settle') return void this.#settle(hint);
    const session = this.#roster.under(hint.identity).find(({ epoch }) => epoch === hint.epoch);
    if (session === undefined) return;
    if (hint.kind === 'kick') {
      void this.#deps.leaseStore.release(session.lease, 0).catch(() => undefined);
      session.lose(kicked(hint.reason));
      return;
    }
    void session.peer
      .isThere()
      .then((alive) => this.#deps.hints.publish({ kind: 'presence', probe: hint.probe, alive }));
  }

  /** Answers once what it had under this epoch is over. Of what it held under a former keeper nobody asks it. */
  async #settle({ identity, epoch, keeper, probe }: Extract<Hint, { kind: 'settle' }>): Promise<void> {
    if (keeper !== this.#gateway?.keeper) return;
    await this.#admitting.get(epoch);
    const session = this.#roster.under(identity).find((one) => one.epoch === epoch);
    session?.lose(superseded());
    const doubted = this.#succession.followDoubted(identity, epoch);
    const heard = Promise.all([session?.heard, ...doubted.map((handover) => handover.heard)]);
    void heard.then(() => this.#deps.hints.publish({ kind: 'heard', probe }));
    const settled = Promise.all([session?.closed, ...doubted.map((handover) => handover.settled)]);
    void settled.then(() => this.#deps.hints.publish({ kind: 'presence', probe, alive: false }));
  }

  /** Nobody here is heard before what was under way is fenced off: others may have found the lease gone already. */
  #loseAll(keeper: string): void {
    this.#fencing.abandon(keeper);
    for (const session of this.#roster.present) session.lose(leaseLost('the gateway lost its own lease'));
  }
}

type Acquired = Acquisition & { readonly askedAtMs: number; readonly keeper: string };
type Granted = Extract<Acquired, { outcome: 'granted' }>;

/** Resolves when all have that are there; `undefined` where none is. */
const allOf = (waits: readonly (Promise<void> | undefined)[]): Promise<void> | undefined => {
  const present = waits.filter((wait) => wait !== undefined);
  return present.length === 0 ? undefined : Promise.all(present).then(() => undefined);
};

const duplicate = (identity: string): FabricError =>
  new FabricError('DUPLICATE_IDENTITY', `DuplicateIdentityError: identity (${identity}) already connected`);
const noLease = (): FabricError =>
  new FabricError('STORE_UNAVAILABLE', 'this gateway has no lease at the moment and cannot take identities');
