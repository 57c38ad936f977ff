/**
 * The way of one client's messages to the router once it names some of them. A named one is claimed first, so that it
 * is published once however often it is sent; what comes behind it waits, so that all keep their order (I5). Claims
 * under way are gathered: the more wait, the more go in one call. While nothing waits, a message without a name passes
 * straight through.
 */
import type { PublishPermit } from '../acl/authorizer.ts';
import { asFabricError, FabricError } from '../model/error.ts';
import { claimsWaitingBytesMax, claimsWaitingMax } from '../model/limits.ts';
import { type Receipt, stepOf } from '../model/receipt.ts';
import { hasOneRecipient } from '../model/topic.ts';
import type { Clock } from '../ports/clock.ts';
import type { Claim } from '../ports/receipt-store.ts';
import type { Receipts } from '../receipts/receipts.ts';
import { bytesOf } from '../router/outgoing-frame.ts';
import type { Publication } from '../router/publication.ts';
import type { OutgoingMessage } from '../router/router.ts';

export interface Sent extends Omit<OutgoingMessage, 'sender'> {
  /** When it is to be published; `undefined` for at once. */
  readonly dueAtMs?: number | undefined;
}

export interface SendLaneDeps {
  readonly receipts: Receipts;
  readonly clock: Clock;
  /** Of the client. */
  readonly identity: string;
  readonly epoch: bigint;
  readonly publish: (permit: PublishPermit, message: Sent) => Publication;
  /** Settles what has no name; named messages are answered for here. */
  readonly settle: (publication: Publication) => void;
  readonly tell: (receipts: readonly Receipt[]) => void;
  readonly refuse: (error: FabricError, id: string) => void;
}

interface Waiting {
  readonly permit: PublishPermit;
  readonly message: Sent;
}

/** A named message on its way to the log. */
interface Named {
  readonly id: string;
  readonly expiry: Pick<Receipt, 'expiresAtMs'>;
}

export class SendLane {
  readonly #deps: SendLaneDeps;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Names on their way: claimed or published, and not yet durable or failed. */
  readonly #names = new Set<string>();
  /** Of one publication each. */
  readonly #publications = new Map<Promise<void>, { readonly named: Named[]; readonly settled: Promise<void> }>();
  #running: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(deps: SendLaneDeps) {
    this.#deps = deps;
  }

  /** Whether a message may pass by. */
  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Resolves when the client may send more, which is mostly at once: `undefined`. */
  push(permit: PublishPermit, message: Sent): Promise<void> | undefined {
    const id = message.tracked?.id ?? '';
    if (id !== '') {
      // Its receipt is on the way.
      if (this.#names.has(id)) return undefined;
      this.#names.add(id);
    }
    this.#waiting.push({ permit, message });
    this.#bytes += bytesOf(message);
    this.#running ??= this.#run();
    if (this.#waiting.length >= claimsWaitingMax || this.#bytes >= claimsWaitingBytesMax)
      this.#room ??= Promise.withResolvers();
    return this.#room?.promise ?? this.#deps.receipts.room;
  }

  /** Resolves when everything so far is durable or has been answered for, and its receipts are told if they can be. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await Promise.all(Array.from(this.#publications.values(), ({ settled }) => settled));
    await this.#deps.receipts.attempted();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting;
      this.#waiting = [];
      this.#bytes = 0;
      const claims = await this.#claim(taken);
      this.#room?.resolve();
      this.#room = undefined;
      const room = this.#publishAll(taken, claims);
      if (room !== undefined) await room;
    }
    this.#running = undefined;
  }

  async #claim(taken: readonly Waiting[]): Promise<ReadonlyMap<string, Claim> | FabricError> {
    const ids = taken.map(idOf).filter((id) => id !== '');
    const { receipts, identity, epoch } = this.#deps;
    try {
      const claims = ids.length === 0 ? [] : await receipts.claim(identity, ids, epoch);
      return new Map(claims.map((claim, index) => [ids[index] ?? '', claim]));
    } catch (thrown) {
      return asFabricError(thrown);
    }
  }

  #publishAll(taken: readonly Waiting[], claims: ReadonlyMap<string, Claim> | FabricError): Promise<void> | undefined {
    const told: Receipt[] = [];
    let room: Promise<void> | undefined;
    for (const waiting of taken) {
      const id = idOf(waiting);
      if (id === '') room = this.#publishNameless(waiting) ?? room;
      else if (claims instanceof FabricError) this.#give(id, unclaimed(claims));
      else room = this.#follow(waiting, claims.get(id), told) ?? room;
    }
    if (told.length > 0) this.#deps.tell(told);
    return room;
  }

  /** Does with a named message as its claim says. */
  #follow(waiting: Waiting, claim: Claim | undefined, told: Receipt[]): Promise<void> | undefined {
    const id = idOf(waiting);
    switch (claim?.outcome) {
      case 'new':
      case 'unknown':
        told.push({ id, state: 'accepted', atMs: this.#deps.clock.now(), reason: '' });
        return this.#publishNamed(waiting, id, claim.outcome === 'unknown');
      case 'known':
        this.#names.delete(id);
        told.push(claim.receipt);
        return undefined;
      default:
        this.#give(id, new FabricError('LEASE_LOST', 'a newer session of the identity sends it'));
        return undefined;
    }
  }

  #publishNameless({ permit, message }: Waiting): Promise<void> | undefined {
    const publication = this.#deps.publish(permit, message);
    this.#deps.settle(publication);
    return publication.room;
  }

  #publishNamed({ permit, message }: Waiting, id: string, isPossibleDuplicate: boolean): Promise<void> | undefined {
    const tracked = message.tracked && { ...message.tracked, isPossibleDuplicate };
    const { durable, room } = this.#deps.publish(permit, { ...message, tracked });
    const found = this.#publications.get(durable);
    const one = { id, expiry: expiryOf(permit, message) };
    if (found !== undefined) found.named.push(one);
    else {
      const named = [one];
      this.#publications.set(durable, { named, settled: this.#settle(durable, named) });
    }
    return room;
  }

  async #settle(durable: Promise<void>, named: readonly Named[]): Promise<void> {
    const failure = await durable.then(() => undefined, asFabricError);
    this.#publications.delete(durable);
    const { receipts, identity, clock } = this.#deps;
    const atMs = clock.now();
    for (const { id, expiry } of named) {
      if (failure !== undefined) this.#give(id, unconfirmed(failure));
      else {
        this.#names.delete(id);
        receipts.advance(stepOf(identity, { id, state: 'durable', atMs, reason: '', ...expiry }));
      }
    }
  }

  /** Gives up on a named message; its sender may send it again. */
  #give(id: string, error: FabricError): void {
    this.#names.delete(id);
    this.#deps.refuse(error, id);
  }
}

/** When its sender is to hear that its time is over. One for several recipients stops at durable. */
const expiryOf = ({ access }: PublishPermit, { tracked }: Sent): Named['expiry'] =>
  tracked === undefined || tracked.expiresAtMs === 0 || !hasOneRecipient(access.topic)
    ? {}
    : { expiresAtMs: tracked.expiresAtMs };

const idOf = ({ message }: Waiting): string => message.tracked?.id ?? '';

const unclaimed = (cause: FabricError): FabricError =>
  cause.reason === 'STORE_UNAVAILABLE'
    ? new FabricError('ERR_PUBLISH_FAILED', 'the message could not be looked up and was not published', { cause })
    : cause;

const unconfirmed = (cause: FabricError): FabricError =>
  cause.reason === 'STORE_UNAVAILABLE' || cause.reason === 'LEASE_LOST'
    ? new FabricError('ERR_PUBLISH_FAILED', 'message delivery failed', { cause })
    : cause;
