/**
 * The door of presence: identities are held exclusively, each by one session, under an epoch (I1). Sessions are opened,
 * resumed, taken over from the dead, watched and closed here; who is online anywhere is asked here too.
 */
import { FabricError } from '../model/error.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hint, Hints } from '../ports/hints.ts';
import type { Acquisition, LeaseRecord, LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import { Directory, writeNote } from './directory.ts';
import { GatewayLease } from './gateway-lease.ts';
import { Probing } from './probing.ts';
import { Renewal } from './renewal.ts';
import { type Online, type Peer, Session, type SessionNote } from './session.ts';

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

const listenAgainAfterMs = 250;
const kickedPatienceMs = 1500;
/** Longer than a log may take to confirm or refuse what is on its way. */
const settlePatienceMs = 15_000;

export class Presence implements AsyncDisposable {
  readonly #settings: PresenceSettings;
  readonly #deps: PresenceDeps;
  readonly #sessions = new Map<string, Session>();
  /** Closed themselves, but not yet alone. */
  readonly #leaving = new Set<Session>();
  readonly #directory: Directory;
  readonly #probing: Probing;
  readonly #renewal: Renewal;
  readonly #closing = new AbortController();
  #gateway: GatewayLease | undefined;
  #listening: Promise<void> = Promise.resolve();

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
    this.#renewal = new Renewal({
      ...deps,
      sessions: this.#sessions,
      ttlMs: settings.identityTtlMs,
      renewEveryMs: settings.identityRenewEveryMs,
      marginMs: settings.marginMs,
    });
  }

  /** Sessions of this gateway. */
  get size(): number {
    return this.#sessions.size;
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
    const first = await this.#acquire(request, undefined);
    if (first.outcome === 'granted') return this.#admit(first, request, first.resumed ? resumes : undefined);
    if (await this.#isHolderThere(first.record)) throw duplicate(request.identity);
    const second = await this.#acquire(request, first.record.epoch);
    if (second.outcome === 'granted') return this.#admit(second, request, first.record);
    throw duplicate(request.identity);
  }

  /** Gives the identity up. `resumable` keeps the session's claim for the lease's time, unless somebody takes it. */
  async close(session: Session, { resumable }: { readonly resumable: boolean }): Promise<void> {
    if (this.#sessions.get(session.identity) === session) this.#sessions.delete(session.identity);
    await this.#leave(session);
    if (session.lost.aborted) return;
    await this.#deps.leaseStore
      .release(session.lease, resumable ? this.#settings.identityTtlMs : 0)
      .catch((cause: unknown) => {
        this.#deps.log.warn('lease could not be released, it will run out', { identity: session.identity, cause });
      });
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
    const here = instances.filter((identity) => this.#sessions.has(identity));
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
    await Promise.all([this.#renewal[Symbol.asyncDispose](), this.#listening]);
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
      () => this.#loseAll(),
    );
    this.#listening = this.#listenForLosses();
  }

  async #acquire(request: SessionRequest, overEpoch: bigint | undefined): Promise<Acquired> {
    const gateway = this.#gateway;
    if (gateway?.isHeld() !== true)
      throw new FabricError('STORE_UNAVAILABLE', 'this gateway has no lease at the moment and cannot take identities');
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
    if (gateway?.keeper !== keeper) throw new FabricError('LEASE_LOST', 'this gateway lost its lease meanwhile');
    const now = (): number => (gateway.keeper === keeper && gateway.isHeld() ? this.#deps.clock.monotonic() : Infinity);
    const trustMs = this.#settings.identityTtlMs - this.#settings.marginMs;
    this.#sessions.get(record.name)?.lose(superseded());
    const alone = this.#untilSettled(record.name, predecessor);
    const session = new Session(record, { resumed, peer, now, askedAtMs, trustMs, alone });
    this.#sessions.set(record.name, session);
    return session;
  }

  /** Of what this gateway had under the name, whether or not the store knows of it, and of a predecessor elsewhere. */
  #untilSettled(identity: string, predecessor: LeaseRecord | undefined): Promise<void> | undefined {
    const waits = this.#hereUnder(identity).map(({ closed }) => closed);
    if (predecessor !== undefined && predecessor.keeper !== this.#gateway?.keeper)
      waits.push(this.#probing.settled(predecessor, settlePatienceMs));
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  /** One that never was alone keeps its lease until it is: so whoever comes next knows whom to wait for. */
  async #leave(session: Session): Promise<void> {
    session.close();
    if (session.alone === undefined) return;
    this.#leaving.add(session);
    await session.closed;
    this.#leaving.delete(session);
  }

  #hereUnder(identity: string): readonly Session[] {
    const present = this.#sessions.get(identity);
    const leaving = [...this.#leaving].filter((session) => session.identity === identity);
    return present === undefined ? leaving : [present, ...leaving];
  }

  async #isHolderThere(record: LeaseRecord): Promise<boolean> {
    if (record.keeper !== this.#gateway?.keeper)
      return this.#probing.isAlive(record, this.#settings.gatewayTtlMs + this.#settings.marginMs);
    const session = this.#sessions.get(record.name);
    // Without a session it is left over from an acquisition whose answer was lost.
    if (session?.epoch !== record.epoch) return false;
    return session.peer.isThere();
  }

  async #listenForLosses(): Promise<void> {
    const { clock, leaseStore, log } = this.#deps;
    const { signal } = this.#closing;
    const onFailure = (cause: unknown): void => log.warn('listening for lost leases broke', { cause });
    await untilAborted({ clock, signal, pauseMs: listenAgainAfterMs, onFailure }, async () => {
      if (this.#gateway === undefined) return;
      const { keeper, replaced } = this.#gateway;
      for await (const { name, epoch } of leaseStore.losses(keeper, { signal: AbortSignal.any([signal, replaced]) })) {
        const session = this.#sessions.get(name);
        if (session?.epoch === epoch) await this.#explainLoss(session);
      }
    });
  }

  /** Taken over by a successor, or ended by an operator whose hint has not arrived. */
  async #explainLoss(session: Session): Promise<void> {
    const [record] = await this.#deps.leaseStore.current([session.identity]);
    session.lose(record === undefined ? kicked('disconnected by administrator') : superseded());
  }

  #hear(hint: Hint): void {
    if (hint.kind === 'presence') return this.#probing.hear(hint);
    if (hint.kind === 'receipts' || hint.kind === 'quotas') return;
    if (hint.kind === 'settle') return this.#settle(hint);
    const session = this.#hereUnder(hint.identity).find(({ epoch }) => epoch === hint.epoch);
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
  #settle({ identity, epoch, keeper, probe }: Extract<Hint, { kind: 'settle' }>): void {
    if (keeper !== this.#gateway?.keeper) return;
    const session = this.#hereUnder(identity).find((one) => one.epoch === epoch);
    session?.lose(superseded());
    void Promise.resolve(session?.closed).then(() =>
      this.#deps.hints.publish({ kind: 'presence', probe, alive: false }),
    );
  }

  #loseAll(): void {
    for (const session of this.#sessions.values())
      session.lose(new FabricError('LEASE_LOST', 'the gateway lost its own lease'));
  }
}

type Acquired = Acquisition & { readonly askedAtMs: number; readonly keeper: string };
type Granted = Extract<Acquired, { outcome: 'granted' }>;

const duplicate = (identity: string): FabricError =>
  new FabricError('DUPLICATE_IDENTITY', `DuplicateIdentityError: identity (${identity}) already connected`);
const superseded = (): FabricError =>
  new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session');
const kicked = (reason: string): FabricError => new FabricError('SESSION_KICKED', reason);
