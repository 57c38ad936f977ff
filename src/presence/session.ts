import type { FabricError } from '../model/error.ts';
import type { Lease, LeaseRecord } from '../ports/lease-store.ts';

/** The other end of a session, as far as presence needs it. */
export interface Peer {
  /** Whether the peer's transport still answers. Never rejects. */
  isThere(): Promise<boolean>;
}

/** What is kept with an identity's lease for others to see. */
export interface SessionNote {
  readonly gatewayId: string;
  /** Empty where the client did not say. */
  readonly client: string;
  readonly remoteAddress: string;
  readonly connectedAtMs: number;
  /** Where a person is; agents and tasks have theirs in the identity. */
  readonly workspace: string;
}

/** A session as anyone may find it, on whichever gateway it is. */
export interface Online extends SessionNote {
  readonly identity: string;
  readonly sessionId: string;
  readonly epoch: bigint;
  readonly firstConnectedAtMs: number;
  readonly resumes: number;
}

/**
 * One connection's hold on an identity: a lease under an epoch, trusted until a moment on this process's monotonic
 * clock (I2). It is over once `lost` has aborted, whose reason says why, or once it was closed.
 */
export class Session {
  readonly identity: string;
  readonly sessionId: string;
  readonly epoch: bigint;
  readonly resumed: boolean;
  readonly resumes: number;
  readonly firstConnectedAtMs: number;
  readonly peer: Peer;
  /**
   * Set while something may still come of the session before this one: resolves when nothing does any more. Until then
   * this one may receive, but must have no effects.
   */
  readonly alone: Promise<void> | undefined;
  /** Set while the session before this one may still get something. */
  readonly heard: Promise<void> | undefined;
  readonly #hears: () => boolean;
  #isSuspended = false;
  #onHearing: () => void = () => undefined;
  readonly #losing = new AbortController();
  readonly #closing = Promise.withResolvers<void>();
  readonly #now: () => number;
  #trustedUntilMs: number;
  renewedAtMs: number;

  constructor(
    record: LeaseRecord,
    facts: {
      readonly resumed: boolean;
      readonly peer: Peer;
      readonly now: () => number;
      readonly askedAtMs: number;
      readonly trustMs: number;
      readonly alone: Promise<void> | undefined;
      readonly heard: Promise<void> | undefined;
      readonly hears: () => boolean;
    },
  ) {
    this.identity = record.name;
    this.sessionId = record.holder;
    this.epoch = record.epoch;
    this.resumes = record.resumes;
    this.firstConnectedAtMs = record.firstGrantedAtMs;
    this.resumed = facts.resumed;
    this.peer = facts.peer;
    this.alone = facts.alone;
    this.heard = facts.heard;
    this.#hears = facts.hears;
    this.#now = facts.now;
    this.renewedAtMs = facts.askedAtMs;
    this.#trustedUntilMs = facts.askedAtMs + facts.trustMs;
  }

  /** Aborts, with a `FabricError` as its reason, when the identity is no longer this session's. */
  get lost(): AbortSignal {
    return this.#losing.signal;
  }

  /** Resolves when nothing comes of it any more, nor of those before it: what they said is durable or refused. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  get lease(): Lease {
    return { name: this.identity, holder: this.sessionId, epoch: this.epoch };
  }

  /** Whether it may still act. False from the moment on at which somebody else might. */
  isCurrent(): boolean {
    return !this.#losing.signal.aborted && this.#now() < this.#trustedUntilMs;
  }

  /** Whether it may get deliveries. A gateway that would not hear of a successor gives none. */
  mayReceive(): boolean {
    return !this.#isSuspended && this.isCurrent() && this.#hears();
  }

  /** It has been lost; why is still to be found out. */
  suspend(): void {
    this.#isSuspended = true;
  }

  /** Called whenever the gateway hears again. */
  onHearing(listener: () => void): void {
    this.#onHearing = listener;
  }

  hearsAgain(): void {
    this.#onHearing();
  }

  renewed(askedAtMs: number, trustMs: number): void {
    this.renewedAtMs = askedAtMs;
    this.#trustedUntilMs = askedAtMs + trustMs;
  }

  /** `after`: set while something that it has said may still land. */
  close(after?: Promise<void>): void {
    // What never resolves is never over.
    Promise.all([this.alone, after]).then(
      () => this.#closing.resolve(),
      () => undefined,
    );
  }

  lose(reason: FabricError): void {
    this.#losing.abort(reason);
  }
}
