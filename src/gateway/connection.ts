/**
 * One stream from its first frame to its end. It is `handshaking`, then `open`, then `ending`; what ends it is decided
 * once: the client's half-close, its disappearance, or an error with its status. Whatever it is, the same things happen
 * in the same order: what was accepted becomes durable, places are stored, the lease is given up, the status goes out.
 */
import { type InitConnection, Signal_SignalType as SignalType } from '../gen/aether/v1/connection.ts';
import { asFabricError, FabricError } from '../model/error.ts';
import { parseIdentity, workspaceOf } from '../model/principal.ts';
import type { Session } from '../presence/session.ts';
import type { Recipient } from '../router/recipient.ts';
import { acknowledge, greet } from './acknowledge.ts';
import type { ClientSession } from './client-session.ts';
import { packDeliveries } from './codec/delivery-batch.ts';
import { encodeDownstream } from './codec/downstream.ts';
import { dispatch } from './dispatch.ts';
import { type Negotiation, negotiate } from './extensions.ts';
import type { Frame, FrameStream } from './frame-stream.ts';
import type { GatewayDeps } from './gateway.ts';
import { enrol, type Frames, identify, joinTopics, openState, readInit, takeIdentity, type Who } from './handshake.ts';
import type { GatewayMeasures } from './measures.ts';
import { Outbox } from './outbox.ts';

/** How long a draining stream goes on for a client that does not stop sending, and how long it must be quiet. */
const drainPatienceMs = 1000;
const quietMs = 25;

/** How long an ending stream waits for what is still on its way to a client that may not read. */
const flushPatienceMs = 2000;

/** How long what a client says waits for what its former session has left on its way to the log. */
const predecessorPatienceMs = 15_000;

type Ending =
  | { readonly how: 'half_closed' }
  | { readonly how: 'gone' }
  | { readonly how: 'failed'; readonly error: FabricError };

/** What has been opened so far, to be closed in reverse. */
interface Opened {
  session?: Session;
  recipient?: Recipient;
  client?: ClientSession;
  /** A connection more in the workspace the principal is of, once this has resolved. */
  entered?: Promise<void>;
}

export class Connection {
  readonly #stream: FrameStream;
  readonly #deps: GatewayDeps;
  readonly #measures: GatewayMeasures;
  readonly #ending = new AbortController();
  readonly #outbox: Outbox;
  readonly #finished = Promise.withResolvers<void>();
  readonly #opened: Opened = {};
  #framesHandled = 0;
  #overSignal: AbortSignal | undefined;

  constructor(stream: FrameStream, deps: GatewayDeps, measures: GatewayMeasures) {
    this.#stream = stream;
    this.#deps = deps;
    this.#measures = measures;
    this.#outbox = new Outbox({
      stream,
      clock: deps.clock,
      stallMs: deps.settings.slowConsumerMs,
      delivered: measures.delivered,
      listener: {
        onRoom: () => this.#opened.recipient?.room(),
        onConfirmed: (mark) => this.#opened.recipient?.confirmed(mark),
        onStalled: () =>
          this.#fail(new FabricError('SLOW_CONSUMER', 'the client does not read; what it missed is kept for it')),
        mayDeliver: () => this.#opened.session?.mayReceive() ?? false,
      },
    });
  }

  /** Runs the stream to its end. Never rejects. */
  async serve(): Promise<void> {
    const startedAtMs = this.#deps.clock.monotonic();
    const ending = await this.#run().catch(
      (thrown: unknown): Ending => ({ how: 'failed', error: asFabricError(thrown) }),
    );
    this.#report(ending);
    await this.#close(ending).catch((cause: unknown) =>
      this.#deps.log.error('connection could not be closed cleanly', { cause }),
    );
    if (this.#opened.client !== undefined)
      this.#measures.connectionSeconds.record((this.#deps.clock.monotonic() - startedAtMs) / 1000);
    this.#finished.resolve();
  }

  /** What operators want to see: nothing of what is usual, unless they ask for it. */
  #report(ending: Ending): void {
    const { log } = this.#deps;
    const facts = { identity: this.#opened.session?.identity, peer: this.#stream.remoteAddress };
    if (ending.how !== 'failed') return log.debug('connection ended', { ...facts, how: ending.how });
    const { reason, message } = ending.error;
    if (reason === 'ERR_INTERNAL') log.error('connection failed', { ...facts, cause: ending.error });
    else if (reason === 'DRAINING') log.debug('connection drained', facts);
    else log.info('connection ended by the gateway', { ...facts, reason, message });
  }

  /**
   * Asks the client to reconnect elsewhere and ends the stream, but not under what the client sent before it heard:
   * frames are handled until its transport has answered for the notice and it has been quiet for a moment. Resolves
   * when the stream has ended.
   */
  async drain(): Promise<void> {
    const reason = 'server shutting down';
    if (this.#opened.client !== undefined) {
      this.#signal(SignalType.GRACEFUL_DISCONNECT, reason);
      await Promise.race([this.#quiet(), this.#finished.promise]);
    }
    this.#fail(new FabricError('DRAINING', reason));
    await this.#finished.promise;
  }

  async #quiet(): Promise<void> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonic() + drainPatienceMs;
    const heard = Promise.withResolvers<void>();
    this.#outbox.whenReceived(heard.resolve);
    await this.#within(drainPatienceMs, heard.promise);
    for (let seen = -1; seen !== this.#framesHandled && clock.monotonic() < untilMs; ) {
      seen = this.#framesHandled;
      await this.#within(quietMs, this.#finished.promise);
    }
  }

  /** Waits for something, but not longer than that. */
  async #within(ms: number, awaited: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#deps.clock.schedule(ms, late.resolve);
    await Promise.race([awaited, late.promise]);
    timer.cancel();
  }

  /** Waits for something, but not beyond the stream's end. */
  async #unlessOver(awaited: Promise<void>): Promise<void> {
    const over = Promise.withResolvers<void>();
    const done = new AbortController();
    for (const signal of [this.#ending.signal, this.#stream.gone]) {
      if (signal.aborted) return;
      signal.addEventListener('abort', () => over.resolve(), { signal: done.signal });
    }
    await Promise.race([awaited, over.promise]);
    done.abort();
  }

  #fail(error: FabricError): void {
    this.#ending.abort(error);
  }

  async #run(): Promise<Ending> {
    const frames = this.#stream.read({ signal: this.#ending.signal });
    const first = await readInit(frames, this.#deps);
    if (first === undefined) return this.#endOf('gone');
    const who = await identify(first.init, this.#stream, this.#deps);
    const negotiation = negotiate(first.init.extensions, this.#stream.declaredExtensions);
    const { negotiated, offered, failure } = negotiation;
    const client = await this.#open(who, first.init, negotiation).catch((thrown: unknown) => {
      this.#countAttempt(who, thrown);
      throw thrown;
    });
    const { heard } = client.session;
    if (heard !== undefined) await this.#unlessOver(heard);
    if (this.#ending.signal.aborted) throw this.#ending.signal.reason;
    acknowledge(client, { who, negotiated, offered });
    if (failure !== undefined) throw failure;
    await greet(client);
    this.#countAttempt(who, undefined);
    if (!client.extensions.has('ack')) this.#deliver(client);
    this.#deps.log.debug('connected', {
      identity: client.identity,
      session: client.session.sessionId,
      peer: this.#stream.remoteAddress,
    });
    return this.#serveFrames(client, frames, first.rest);
  }

  async #open(who: Who, init: InitConnection, { inForce }: Negotiation): Promise<ClientSession> {
    const session = await takeIdentity({ init, stream: this.#stream, who, deps: this.#deps });
    this.#opened.session = session;
    session.onHearing(() => this.#outbox.retry());
    session.lost.addEventListener('abort', () => this.#fail(asFabricError(session.lost.reason)), { once: true });
    const state = openState(who, session, this.#deps);
    const entered = this.#enter(workspaceOf(who.principal));
    this.#opened.entered = entered;
    // Whatever joining comes to, they are looked at below or not at all.
    for (const begun of [state, entered]) begun.catch(() => undefined);
    const recipient = await joinTopics(who, { session, outbox: this.#outbox, extensions: inForce }, this.#deps);
    this.#opened.recipient = recipient;
    await Promise.all([state, entered]);
    const client = await enrol(
      who,
      { session, outbox: this.#outbox, recipient, extensions: inForce, over: () => this.#over },
      { deps: this.#deps, measures: this.#measures },
    );
    this.#opened.client = client;
    return client;
  }

  async #enter(workspace: string | undefined): Promise<void> {
    if (workspace !== undefined) await this.#deps.quotas.enter(workspace);
  }

  /** From the workspace the client is in by now. */
  async #leave(): Promise<void> {
    const { entered, client, session } = this.#opened;
    const isIn = await entered?.then(
      () => true,
      () => false,
    );
    const principal = session && parseIdentity(session.identity);
    const workspace = client === undefined ? principal && workspaceOf(principal) : client.workspace;
    if (isIn === true && workspace !== undefined) this.#deps.quotas.leave(workspace);
  }

  /** Aborts when there is nobody any more to wait for. */
  get #over(): AbortSignal {
    this.#overSignal ??= AbortSignal.any([this.#ending.signal, this.#stream.gone]);
    return this.#overSignal;
  }

  #deliver({ extensions }: ClientSession): void {
    this.#outbox.open(extensions.has('batch') ? packDeliveries : undefined);
  }

  async #serveFrames(client: ClientSession, frames: Frames, early: readonly Frame[]): Promise<Ending> {
    if (client.session.alone !== undefined) await this.#untilAlone(client.session.alone);
    // Who has to answer in time gets nothing before its answers are read.
    if (client.extensions.has('ack')) this.#deliver(client);
    if (this.#stream.gone.aborted) return this.#endOf('gone');
    await this.#handle(client, early);
    for (;;) {
      const { value, done } = await frames.next();
      if (done === true) return this.#endOf(value);
      await this.#handle(client, value);
    }
  }

  /** The log does not answer, or the gateway that has the former session does not and is not known to be gone. */
  async #untilAlone(alone: Promise<void>): Promise<void> {
    const message = 'what the former session of this identity has sent is still on its way; try again';
    const timer = this.#deps.clock.schedule(predecessorPatienceMs, () =>
      this.#fail(new FabricError('STORE_UNAVAILABLE', message)),
    );
    await this.#unlessOver(alone);
    timer.cancel();
  }

  async #handle(client: ClientSession, frames: readonly Frame[]): Promise<void> {
    for (const frame of frames) {
      if (this.#ending.signal.aborted) return;
      if (!client.session.isCurrent()) throw new FabricError('LEASE_LOST', 'the lease could not be renewed in time');
      this.#framesHandled += 1;
      const wait = dispatch(client, frame);
      if (wait !== undefined) await wait;
      const room = this.#outbox.room;
      if (room !== undefined) await this.#unlessOver(room);
    }
    client.pause();
  }

  #endOf(how: 'half_closed' | 'gone'): Ending {
    const { signal } = this.#ending;
    return signal.aborted ? { how: 'failed', error: asFabricError(signal.reason) } : { how };
  }

  /** A refused frame after the handshake's start must not undo what the client was promised: see the header. */
  async #close(ending: Ending): Promise<void> {
    const { session, recipient, client } = this.#opened;
    if (ending.how === 'failed' && ending.error.reason === 'SESSION_KICKED')
      this.#signal(SignalType.FORCE_DISCONNECT, ending.error.message);
    const unconfirmed = await client?.settled();
    await this.#leave();
    this.#outbox.close();
    if (ending.how === 'half_closed') await this.#received();
    if (recipient !== undefined) await this.#deps.router.close(recipient, { excused: isOurs(ending) });
    if (session !== undefined)
      await this.#deps.presence.close(session, {
        resumable: ending.how === 'half_closed' ? this.#stream.gone.aborted : isResumable(ending),
        after: this.#deps.router.doubt,
      });
    if (client !== undefined) this.#countConnected(client, -1);
    await this.#within(flushPatienceMs, this.#outbox.empty());
    this.#stream.end(ending.how === 'failed' ? ending.error : unconfirmed);
  }

  /**
   * What was delivered right before a goodbye is not to come again on the return: the places wait for the answer. And a
   * client that cancels ends its side first, so that it looks like a goodbye until what follows has come too.
   */
  async #received(): Promise<void> {
    if (this.#stream.gone.aborted) return;
    const [gone, heard] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.#stream.gone.addEventListener('abort', () => gone.resolve(), { once: true });
    this.#stream.whenReceived(heard.resolve);
    const all = Promise.all([this.#outbox.received(), heard.promise]).then(() => undefined);
    await this.#within(flushPatienceMs, Promise.race([all, gone.promise]));
  }

  #signal(type: SignalType, reason: string): void {
    this.#outbox.send(encodeDownstream({ $case: 'signal', value: { type, reason } }));
  }

  #countAttempt(who: Who, thrown: unknown): void {
    const workspace = workspaceOf(who.principal) ?? '';
    const status = thrown === undefined ? 'success' : attemptStatus(asFabricError(thrown));
    this.#measures.attempts.at({ workspace, principal_type: who.principal.kind, status }).add(1);
    if (this.#opened.client !== undefined && thrown === undefined) this.#countConnected(this.#opened.client, 1);
  }

  #countConnected(client: ClientSession, amount: number): void {
    const workspace = workspaceOf(client.principal) ?? '';
    this.#measures.connections.at({ workspace, principal_type: client.principal.kind }).add(amount);
  }
}

/** Whether the client has no part in it. */
const isOurs = (ending: Ending): boolean => ending.how === 'failed' && ending.error.reason === 'DRAINING';

/** Only a transport that broke, or a gateway that let go, leaves a session to come back to. */
const isResumable = (ending: Ending): boolean =>
  ending.how === 'gone' ||
  (ending.how === 'failed' && ['DRAINING', 'SLOW_CONSUMER', 'FRAME_TOO_LARGE'].includes(ending.error.reason));

const attemptStatus = (error: FabricError): string => {
  if (error.reason === 'DUPLICATE_IDENTITY') return 'lock_failed';
  if (error.reason === 'CONNECTION_QUOTA') return 'quota_exceeded';
  return error.reason === 'ERR_PERMISSION_DENIED' ? 'acl_denied' : 'failed';
};
