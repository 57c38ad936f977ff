/**
 * One client's connection once its handshake is through: who it is, what it may be answered with, and what the handlers
 * of its frames need.
 */

import type { Verdict as AccessVerdict, PublishPermit } from '../acl/authorizer.ts';
import type { Access, Actor } from '../acl/decide.ts';
import { asFabricError, FabricError } from '../model/error.ts';
import { type Extension, uriOf } from '../model/extension.ts';
import { permitsPerSessionMax } from '../model/limits.ts';
import { identityOf, ownTopicOf, type Principal } from '../model/principal.ts';
import type { Receipt } from '../model/receipt.ts';
import type { Count } from '../ports/metrics.ts';
import type { Session } from '../presence/session.ts';
import { type Publication, refusedPublication } from '../router/publication.ts';
import type { Recipient } from '../router/recipient.ts';
import type { OutgoingMessage } from '../router/router.ts';
import { Admission, type Countable, type Verdict } from './admission.ts';
import { Answers } from './answers.ts';
import { type Stamp, stampOf } from './codec/delivery.ts';
import { type Downstream, encodeDownstream, errorPayload } from './codec/downstream.ts';
import { toWireReceipt } from './codec/receipt.ts';
import type { GatewayDeps } from './gateway.ts';
import type { GatewayMeasures } from './measures.ts';
import type { Outbox } from './outbox.ts';
import { Recent } from './recent.ts';
import { SendLane, type Sent } from './send-lane.ts';

/** A topic text the client has sent to, resolved and permitted. */
export interface Target {
  readonly permit: PublishPermit;
  readonly stamp: Stamp;
}

export interface ClientSessionFacts {
  readonly principal: Principal;
  readonly workspace: string | undefined;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly recipient: Recipient;
  /** In force on the stream. */
  readonly extensions: ReadonlySet<Extension>;
  /** Aborts when the stream ends. */
  readonly over: () => AbortSignal;
}

export class ClientSession {
  readonly principal: Principal;
  readonly identity: string;
  /** Its own topic; empty for orchestrators. */
  readonly topic: string;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly recipient: Recipient;
  readonly extensions: ReadonlySet<Extension>;
  readonly deps: GatewayDeps;
  readonly measures: GatewayMeasures;
  readonly answers = new Answers();
  #workspace: string | undefined;
  #actor: Actor;
  readonly #sender: OutgoingMessage['sender'];
  readonly #targets = new Recent<Target>(permitsPerSessionMax);
  #targetsRevision: number;
  #stamped: { readonly workspace: string; readonly stamp: Stamp } | undefined;
  #routed: Map<string, Count> | undefined;
  /** By `Publication.durable`: when it has been answered for. */
  #unsettled: Map<Promise<void>, Promise<void>> | undefined;
  #publishFailure: FabricError | undefined;
  /** Opened with the first message that has a name: most clients give none. */
  #lane: SendLane | undefined;
  readonly #admission: Admission;
  readonly #listening: Disposable | undefined;

  constructor(facts: ClientSessionFacts, deps: GatewayDeps, measures: GatewayMeasures) {
    this.principal = facts.principal;
    this.identity = identityOf(facts.principal);
    this.topic = ownTopicOf(facts.principal) ?? '';
    this.session = facts.session;
    this.outbox = facts.outbox;
    this.recipient = facts.recipient;
    this.extensions = facts.extensions;
    this.deps = deps;
    this.measures = measures;
    this.#workspace = facts.workspace;
    this.#actor = { principal: facts.principal, workspace: facts.workspace };
    this.#sender = { source: this.topic, epoch: facts.session.epoch };
    this.#targetsRevision = deps.authorizer.revision;
    this.#admission = this.#openAdmission(facts.over);
    if (this.extensions.has('receipts'))
      this.#listening = deps.receipts.listen(this.identity, (receipts) => this.#tellReceipts(receipts));
  }

  get workspace(): string | undefined {
    return this.#workspace;
  }

  enter(workspace: string | undefined): void {
    this.#workspace = workspace;
    this.#actor = { principal: this.principal, workspace };
    this.#targets.clear();
    this.#routed = undefined;
    this.#admission.enter(workspace);
  }

  /** Whether the client may send one more; counts it if it may. */
  admit(what: Countable): Verdict {
    return this.#admission.admit(what, this);
  }

  /** Counts several if all of them may be sent; else none. */
  admitRun(count: number): boolean {
    return this.#admission.admitRun(count);
  }

  /** Nothing more has arrived for now. */
  pause(): void {
    this.#admission.settle();
  }

  /** The refusal of what needs an extension that is not in force. */
  missing(extension: Extension): FabricError | undefined {
    if (this.extensions.has(extension)) return undefined;
    return new FabricError('ERR_INVALID_ARGUMENT', `this needs the extension ${uriOf(extension)} on the stream`);
  }

  get actor(): Actor {
    return this.#actor;
  }

  permit<Of extends Access>(access: Of): AccessVerdict<Of> | Promise<AccessVerdict<Of>> {
    return this.deps.authorizer.permit(this.#actor, access);
  }

  /** What the client may send to under this text; found again only while the policy is the same. */
  knownTarget(text: string): Target | undefined {
    if (this.#targetsRevision !== this.deps.authorizer.revision) this.#targets.clear();
    this.#targetsRevision = this.deps.authorizer.revision;
    return this.#targets.get(text);
  }

  rememberTarget(text: string, target: Target): void {
    this.#targets.set(text, target);
  }

  countRouted(messageType: string, messages = 1): void {
    const routed = (this.#routed ??= new Map());
    let count = routed.get(messageType);
    if (count === undefined) {
      count = this.measures.routed.at({ workspace: this.#workspace ?? '', message_type: messageType });
      routed.set(messageType, count);
    }
    count.add(messages);
  }

  /** Mostly the same as before, and kept with every target: so it is made once. */
  stamp(workspace: string): Stamp {
    if (this.#stamped?.workspace !== workspace) this.#stamped = { workspace, stamp: stampOf(this.topic, workspace) };
    return this.#stamped.stamp;
  }

  /** Whether what would keep a message is known to be down; who asks alone hears why. */
  isDown({ access }: PublishPermit): boolean {
    return this.deps.router.isDown(access.topic);
  }

  /** Why a message cannot be kept now, to be published at once or when it is due. */
  outage({ access }: PublishPermit, dueAtMs?: number): FabricError | undefined {
    const { router, delays } = this.deps;
    const outage = dueAtMs === undefined ? router.refusal(access.topic) : delays.refusal();
    this.#publishFailure ??= outage;
    return outage;
  }

  /** Publishes in this client's name. Resolves when it may publish more, which is mostly at once: `undefined`. */
  publish(permit: PublishPermit, message: Sent): Promise<void> | undefined {
    if (message.tracked !== undefined) this.#lane ??= this.#openLane();
    if (this.#lane !== undefined && (message.tracked !== undefined || !this.#lane.isIdle))
      return this.#lane.push(permit, message);
    const publication = this.#hand(() => this.deps.router.publish(permit, { ...message, sender: this.#sender }));
    this.#settle(publication);
    return publication.room;
  }

  /** In one turn with the look at the lease, so that it goes out in the name of the lease the session is under. */
  #hand(publish: () => Publication): Publication {
    if (this.session.isCurrent()) return publish();
    return refusedPublication(new FabricError('LEASE_LOST', 'the lease could not be renewed in time'));
  }

  /** Resolves when everything asked or published so far is durable or has been answered for; with the first that failed. */
  async settled(): Promise<FabricError | undefined> {
    await this.#lane?.settled();
    await Promise.all([...(this.#unsettled?.values() ?? []), this.answers.settled()]);
    this.#listening?.[Symbol.dispose]();
    this.#admission[Symbol.dispose]();
    return this.#publishFailure;
  }

  reply(payload: Downstream): void {
    this.outbox.send(encodeDownstream(payload));
  }

  /** Refuses one frame; the stream goes on. */
  refuse(error: FabricError, requestId = ''): void {
    this.measures.refusals.at({ workspace: this.#workspace ?? '', error_type: error.reason }).add(1);
    this.reply(errorPayload(error, requestId));
  }

  #openAdmission(over: () => AbortSignal): Admission {
    const { quotas, clock } = this.deps;
    return new Admission({
      metering: quotas.meter(this.identity, this.#workspace),
      clock,
      refusals: this.measures.quotaRefusals,
      isPatient: this.extensions.has('quotas'),
      over,
      assertCurrent: () => {
        if (!this.session.isCurrent()) throw new FabricError('LEASE_LOST', 'the lease could not be renewed in time');
      },
    });
  }

  #openLane(): SendLane {
    const { receipts, clock, router, delays } = this.deps;
    return new SendLane({
      receipts,
      clock,
      identity: this.identity,
      epoch: this.session.epoch,
      publish: (permit, { dueAtMs, ...message }) => {
        const outgoing = { ...message, sender: this.#sender };
        return this.#hand(() =>
          dueAtMs === undefined ? router.publish(permit, outgoing) : delays.hold(permit, outgoing, dueAtMs),
        );
      },
      settle: (publication) => this.#settle(publication),
      tell: (told) => this.#tellReceipts(told),
      refuse: (error, id) => {
        this.#publishFailure ??= error;
        this.refuse(error, id);
      },
    });
  }

  /** A client that does not read is not told: it will ask. */
  #tellReceipts(receipts: readonly Receipt[]): void {
    if (this.outbox.room !== undefined || !this.extensions.has('receipts')) return;
    this.reply({ $case: 'receipts', value: { receipts: receipts.map(toWireReceipt) } });
  }

  #settle({ durable }: Publication): void {
    const unsettled = (this.#unsettled ??= new Map());
    if (unsettled.has(durable)) return;
    const settled = durable.then(
      () => undefined,
      (cause: unknown) => {
        const failure = asPublishFailure(asFabricError(cause));
        this.#publishFailure ??= failure;
        this.refuse(failure);
      },
    );
    unsettled.set(durable, settled);
    void settled.then(() => unsettled.delete(durable));
  }
}

const asPublishFailure = (cause: FabricError): FabricError =>
  cause.reason === 'STORE_UNAVAILABLE' || cause.reason === 'LEASE_LOST'
    ? new FabricError('ERR_PUBLISH_FAILED', 'message delivery failed', { cause })
    : cause;
