/**
 * A client's link to the fabric: one connection at a time, replaced when it is lost, until it is closed for good. Where
 * it stands is its `status`, changed in one place. What it sends goes through the outbox, what it receives through the
 * reception; both outlive connections.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Ahead } from './ahead.ts';
import type { Settings } from './connect-options.ts';
import { DeliveryAnswers } from './delivery-answers.ts';
import { type Dialled, dial } from './dial.ts';
import { closedError, errorOf, isFinal } from './endings.ts';
import { AetherError, failure, messageOf } from './error.ts';
import { fabricExtensions } from './fabric-extensions.ts';
import { Feed } from './feed.ts';
import type { ConfigSnapshot, ConnectionAck, Signal } from './gen/aether/v1/connection.ts';
import { Signal_SignalType as SignalType } from './gen/aether/v1/connection.ts';
import type { Claim } from './identity.ts';
import { drainPatienceMs, duplicateAttemptsMax, statesKept } from './limits.ts';
import { Outbox } from './outbox.ts';
import { Pace } from './pace.ts';
import { ReceiptBook } from './receipt-book.ts';
import { queryReceipts } from './receipt-query.ts';
import { Reception } from './reception.ts';
import { packSends } from './send-batch.ts';
import { type Session, toSession } from './session.ts';
import type { ClosedReason, ConnectionStatus } from './status.ts';
import { CheckedTopics } from './topic.ts';
import type { StreamEnd, TransportStream } from './transport/transport.ts';
import { encode, type Upstream } from './wire.ts';

export interface CloseOptions {
  /** How long the gateway may take to confirm; 10,000 by default. */
  readonly timeoutMs?: number | undefined;
  /** Ends the connection at once. */
  readonly signal?: AbortSignal | undefined;
}

export class Link {
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly reception: Reception;
  /** Where the client asks for receipts. */
  readonly book: ReceiptBook | undefined;
  readonly states: Feed<ConnectionStatus>;
  readonly topics: CheckedTopics = new CheckedTopics();
  /** Resolves when the link is closed for good. Never rejects. */
  readonly closed: Promise<ClosedReason>;
  readonly #claim: Claim;
  readonly #pace: Pace;
  readonly #ahead: Ahead;
  readonly #opened = Promise.withResolvers<void>();
  /** Aborts with what ends the link here and now. */
  readonly #stop = new AbortController();
  #status: ConnectionStatus;
  #session: Session | undefined;
  #assigned = '';
  #reconnections = 0;
  #duplicates = 0;
  #stream: TransportStream | undefined;
  #ended: { readonly by: 'gateway'; readonly message: string } | undefined;
  #pause: AbortController | undefined;
  #closing: Promise<void> | undefined;
  #workspace: string | undefined;
  #standing: readonly Uint8Array[] = [];
  #config = Promise.withResolvers<ConfigSnapshot>();

  /** Resolves once the gateway has acknowledged; rejects with why it has not, or with the reason of `settings.signal`. */
  static async open(claim: Claim, settings: Settings): Promise<Link> {
    const { signal } = settings;
    signal?.throwIfAborted();
    const link = new Link(claim, settings);
    const abort = (): void => link.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await link.#opened.promise;
      return link;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  private constructor(claim: Claim, settings: Settings) {
    this.#claim = claim;
    this.settings = settings;
    this.book = settings.receipts ? this.#openBook() : undefined;
    this.reception = new Reception(settings.inboxBytesMax, this.book);
    this.outbox = new Outbox({ bytesMax: settings.outboxBytesMax, onWaiting: () => this.reception.changed() });
    this.#ahead = new Ahead(settings.transport);
    this.#pace = new Pace({ ...settings.reconnect, addresses: settings.addresses });
    this.#status = { state: 'connecting', address: this.#pace.address };
    this.states = new Feed({ backlog: 'dropped', newestMax: statesKept, first: () => this.#status });
    this.#config.promise.catch(() => undefined);
    this.closed = this.#run()
      .catch(
        (cause: unknown): ClosedReason => ({
          by: 'failure',
          error: failure('CLIENT_FAILED', messageOf(cause), { cause }),
        }),
      )
      .then((reason) => this.#finish(reason));
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The last one there was. */
  get session(): Session {
    if (this.#session === undefined) throw new TypeError('a link that has not been opened');
    return this.#session;
  }

  get identity(): string {
    return this.#claim.identity(this.#assigned);
  }

  get topic(): string | undefined {
    return this.#claim.topic(this.identity);
  }

  /** The one it is in by its identity, or has entered. */
  get workspace(): string | undefined {
    return this.#workspace ?? this.#claim.workspace;
  }

  /** It is in this workspace from now on; the frames say so on each connection to come, before anything else. */
  enter(workspace: string | undefined, frames: readonly Upstream[]): void {
    this.#workspace = workspace;
    this.#standing = frames.map(encode);
  }

  /** What the gateway gave a starting worker on the last connection. */
  config(): Promise<ConfigSnapshot> {
    return this.#config.promise;
  }

  /** Sends what waits, half-closes, and waits for the gateway's confirmation. Once; later calls wait for the first. */
  close(options: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close({ timeoutMs = 10_000, signal }: CloseOptions): Promise<void> {
    if (this.#status.state === 'closed') throw closedError(this.#status.reason);
    this.reception.beginClosing();
    this.outbox.refuse(failure('CLIENT_CLOSED', 'the client is closing'));
    const late = failure('CLOSE_TIMEOUT', `the gateway did not confirm within ${timeoutMs} ms: some may be lost`);
    const timer = setTimeout(() => this.#stop.abort(late), timeoutMs);
    const abort = (): void => this.#stop.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    if (this.#stream !== undefined) this.#halfClose(this.#stream);
    if (this.outbox.isEmpty) this.#pause?.abort();
    const reason = await this.closed;
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (reason.by === 'client') return;
    throw this.#stop.signal.aborted ? this.#stop.signal.reason : closedError(reason);
  }

  async #run(): Promise<ClosedReason> {
    for (;;) {
      const lost = await this.#live();
      if ('by' in lost) return lost;
      const end = this.#whetherOver(lost);
      if (end !== undefined) return end;
      const delayMs = this.#pace.next();
      if (this.#session !== undefined)
        this.#enter({ state: 'reconnecting', attempt: this.#pace.attempt, delayMs, cause: lost });
      await this.#wait(delayMs);
      const over = this.#whetherStopped(lost);
      if (over !== undefined) return over;
    }
  }

  /** One attempt and, if it succeeds, the connection to its end. */
  async #live(): Promise<ClosedReason | AetherError> {
    const { address } = this.#pace;
    if (this.#session === undefined) this.#enter({ state: 'connecting', address });
    const dialled = await dial({
      address,
      connect: (to) => this.#ahead.take(to),
      clientType: this.#claim.clientType(this.#assigned),
      resumes: this.#session?.id ?? '',
      settings: this.settings,
      signal: this.#stop.signal,
      receive: (stream, onAck) => this.#receive(stream, onAck),
      onAcknowledged: (stream, ack) => this.#begin(stream, ack, address),
    });
    if (dialled instanceof Error) return dialled;
    const end = await this.#untilEnded(dialled);
    this.#pace.lost(performance.now());
    if (this.#ended !== undefined) return this.#ended;
    if (end.code === 'ok' && this.reception.isClosing) {
      this.book?.confirmAll();
      return { by: 'client' };
    }
    const error = errorOf(end);
    this.reception.requests.lose(error);
    return error;
  }

  /** Within the turn that brings the acknowledgement: what comes right behind it finds a client that is connected. */
  #begin(stream: TransportStream, ack: ConnectionAck, address: string): void {
    const isBack = this.#session !== undefined;
    this.#session = toSession(ack);
    if (!ack.resumed || this.#assigned === '') this.#assigned = ack.assignedId || ack.sessionId;
    this.#duplicates = 0;
    this.#reconnections += isBack ? 1 : 0;
    this.#pace.connected(performance.now());
    this.#stream = stream;
    this.reception.arrival.answers?.end();
    const answers = isInForce(ack, fabricExtensions.ack) ? this.#openAnswers(stream) : undefined;
    this.reception.arrival = { sessionId: ack.sessionId, answers };
    const preface = [...this.#standing, ...(this.book?.unconfirmed() ?? [])];
    this.outbox.attach(stream, preface, isInForce(ack, fabricExtensions.batch) ? packSends : undefined);
    this.#enter({
      state: 'connected',
      address,
      sessionId: ack.sessionId,
      resumed: ack.resumed,
      reconnections: this.#reconnections,
    });
    this.#opened.resolve();
    this.book?.askAll();
    if (this.reception.isClosing) this.#halfClose(stream);
  }

  async #untilEnded({ stream, ended }: Dialled): Promise<StreamEnd> {
    const cancel = (): void => stream.cancel();
    const detach = (): void => this.outbox.detach();
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
    stream.gone.addEventListener('abort', detach, { once: true });
    if (this.#stop.signal.aborted) cancel();
    const end = await ended;
    this.#stop.signal.removeEventListener('abort', cancel);
    detach();
    this.#stream = undefined;
    return end;
  }

  /** Reads a stream to its end. After it is gone what had arrived is taken in any case. */
  async #receive(stream: TransportStream, onAck: (ack: ConnectionAck) => void): Promise<StreamEnd> {
    const { reception } = this;
    stream.gone.addEventListener('abort', () => reception.changed(), { once: true });
    const listener = {
      onAck,
      onSignal: (signal: Signal) => this.#heed(signal, stream),
      onConfig: (config: ConfigSnapshot) => this.#configure(config),
    };
    const groups = stream.read();
    for (;;) {
      const { value, done } = await groups.next();
      if (done === true) return value;
      for (const frame of value) reception.take(frame, listener);
      while (!stream.gone.aborted && !reception.mayRead()) await reception.change();
    }
  }

  #heed({ type, reason }: Signal, stream: TransportStream): void {
    this.outbox.detach();
    if (type === SignalType.FORCE_DISCONNECT) {
      this.#ended = { by: 'gateway', message: reason };
      return stream.cancel();
    }
    this.#enter({ state: 'draining', message: reason });
    const { address, nextAddress } = this.#pace;
    // The address of a gateway that stops may lead to itself.
    if (nextAddress !== address && this.settings.reconnect.enabled) this.#ahead.open(nextAddress);
    const timer = setTimeout(() => stream.cancel(), drainPatienceMs);
    stream.gone.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #configure(config: ConfigSnapshot): void {
    this.#config.resolve(config);
    this.#config = Promise.withResolvers();
    this.#config.resolve(config);
  }

  #halfClose(stream: TransportStream): void {
    const end = (): void => {
      if (this.#stream === stream) stream.end();
    };
    void this.outbox.drained().then(end);
  }

  /** Whether a failed attempt or a lost connection is the end. */
  #whetherOver(error: AetherError): ClosedReason | undefined {
    const stopped = this.#whetherStopped(error);
    if (stopped !== undefined) return stopped;
    return this.#mayTryAgain(error) ? undefined : { by: 'failure', error };
  }

  #whetherStopped(error: AetherError): ClosedReason | undefined {
    const { aborted, reason } = this.#stop.signal;
    if (aborted) return { by: 'failure', error: reason instanceof AetherError ? reason : stopped(reason) };
    if (!this.reception.isClosing || !this.outbox.isEmpty || (this.book?.unsettled ?? 0) > 0) return undefined;
    if (this.outbox.handedCount === 0) return { by: 'client' };
    const message = 'the connection was lost before the gateway confirmed what was sent on it';
    return { by: 'failure', error: failure('CONNECTION_LOST', message, { cause: error }) };
  }

  #mayTryAgain(error: AetherError): boolean {
    const { reconnect, waitForGateway, addresses } = this.settings;
    if (this.#pace.attempt >= reconnect.maxAttempts) return false;
    if (error.code === 'already_exists') return reconnect.retryDuplicate || this.#mayBeOurs();
    if (isFinal(error)) return false;
    if (this.#session !== undefined) return reconnect.enabled;
    return error.retryable && (waitForGateway || this.#pace.attempt + 1 < addresses.length);
  }

  /** The gateway may not have noticed yet that the session it refuses us for was our own. */
  #mayBeOurs(): boolean {
    this.#duplicates += 1;
    return this.#session !== undefined && this.settings.reconnect.enabled && this.#duplicates <= duplicateAttemptsMax;
  }

  /**
   * Waits before the next attempt: its delay, and until the application has taken some of what it holds back, since each
   * connection that breaks may add to it. An application that wants to send is not kept waiting for itself.
   */
  async #wait(delayMs: number): Promise<void> {
    this.#pause = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    this.#pause = undefined;
    while (this.reception.isOverfull && this.outbox.isEmpty && !this.reception.isClosing) await this.reception.change();
  }

  /** On another connection their numbers would be those of other deliveries. */
  #openAnswers(stream: TransportStream): DeliveryAnswers {
    return new DeliveryAnswers((frame) => this.#sendQuietly(frame, stream));
  }

  #openBook(): ReceiptBook {
    return new ReceiptBook({
      bytesMax: this.settings.outboxBytesMax,
      query: (ids) => void queryReceipts(this, ids),
      resend: (frame) => this.#sendQuietly(frame),
      rejectsHaste: this.settings.rateLimits === 'reject',
    });
  }

  /** What cannot be sent any more need not be. */
  #sendQuietly(frame: Uint8Array, only?: TransportStream): void {
    this.outbox
      .push([frame], { timeoutMs: undefined, signal: undefined, onHanded: () => undefined, only })
      .catch(() => undefined);
  }

  #enter(status: ConnectionStatus): void {
    this.#status = status;
    this.states.offer(status);
  }

  #finish(reason: ClosedReason): ClosedReason {
    const error = closedError(reason);
    this.#ahead.drop();
    this.#opened.reject(this.#stop.signal.aborted ? this.#stop.signal.reason : error);
    this.#opened.promise.catch(() => undefined);
    this.#config.reject(error);
    this.outbox.abandon(error);
    this.book?.close(error);
    this.reception.requests.failAll(error);
    this.#enter({ state: 'closed', reason });
    const ending = reason.by === 'client' ? {} : { error };
    this.reception.messages.end(ending);
    this.reception.progress.end(ending);
    this.reception.errors.end();
    this.states.end();
    return reason;
  }
}

const isInForce = ({ negotiatedExtensions }: ConnectionAck, uri: string): boolean =>
  negotiatedExtensions.some((answer) => answer.uri === uri && answer.supported);

const stopped = (reason: unknown): AetherError =>
  failure('CLOSE_ABORTED', 'closed at once by a signal', { cause: reason });
