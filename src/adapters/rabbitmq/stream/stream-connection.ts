/**
 * One connection to a broker: requests and their answers, publishers and subscriptions that share it, heartbeats both
 * ways. It has three states and never goes back:
 *
 *     handshaking ──▶ open ──▶ ended (with the reason, which everybody who waits on it gets)
 *
 * Whatever the peer sends, nothing is thrown across the socket's events: a frame that cannot be read, a request that is
 * not answered in time and a peer that has fallen silent all end this connection, say why in the log, and do no more.
 */
import type { Socket } from 'node:net';
import { FabricError } from '../../../model/error.ts';
import type { Clock, Scheduled } from '../../../ports/clock.ts';
import type { Log } from '../../../ports/log.ts';
import { asUnavailable, unavailable } from '../errors.ts';
import { type BrokerAddress, textOfAddress } from './broker-address.ts';
import type { FrameBody } from './frame-body.ts';
import { FrameReader } from './frame-reader.ts';
import { type BrokerFacts, shakeHands, type Tune } from './handshake.ts';
import { nameOfCode, responseCode } from './response-code.ts';
import { SinkTable } from './sink-table.ts';
import { connectSocket, type TlsSettings } from './socket.ts';
import {
  decodeFrame,
  encodeCloseAnswer,
  encodeHeartbeat,
  type PublishRefusal,
  type ServerFrame,
} from './stream-frames.ts';
import { closeConnection, encodeRequest, type StreamRequest } from './stream-requests.ts';

export interface ConnectionSettings {
  readonly address: BrokerAddress;
  readonly tls: TlsSettings;
  /** Shown in the broker's list of connections. */
  readonly clientName: string;
  /** How often a sign of life is asked for; a peer silent for twice as long is taken for dead. */
  readonly heartbeatMs: number;
  /** From the first packet to an open virtual host. */
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Whoever has declared a publisher. */
export interface PublisherSink {
  readonly stream: string;
  confirmed(publishingIds: readonly number[]): void;
  refused(refusals: readonly PublishRefusal[]): void;
  /** The broker has forgotten the publisher, or is gone. */
  lost(reason: FabricError): void;
}

/** Whoever has subscribed. */
export interface SubscriptionSink {
  readonly stream: string;
  deliver(chunk: Buffer): void;
  /** The broker has forgotten the subscription, or is gone. */
  lost(reason: FabricError): void;
}

interface Pending {
  readonly key: number;
  /** False when the answer cannot be read. */
  readonly settle: (body: FrameBody) => boolean;
  readonly reject: (reason: FabricError) => void;
  readonly timer: Scheduled;
}

type State =
  | { readonly is: 'handshaking' }
  | { readonly is: 'open'; readonly broker: BrokerFacts }
  | { readonly is: 'ended'; readonly reason: FabricError };

type SharedFrame = Extract<
  ServerFrame,
  { readonly kind: 'deliver' | 'confirm' | 'publish error' | 'metadata update' | 'credit refused' }
>;

/** Before login nothing larger is due. */
const handshakeFrameBytesMax = 64 * 1024;
/** A chunk comes as one frame and a broker decides how large it grows. */
const frameBytesMax = 256 * 1024 * 1024;
export const publishersPerConnectionMax = 200;
export const subscriptionsPerConnectionMax = 200;
const closeTimeoutMs = 1000;
/** Half-heartbeats without a byte received. */
const silentBeatsMax = 4;

export class StreamConnection {
  readonly publishers = new SinkTable<PublisherSink>(publishersPerConnectionMax);
  readonly subscriptions = new SinkTable<SubscriptionSink>(subscriptionsPerConnectionMax);
  readonly #settings: ConnectionSettings;
  readonly #deps: ConnectionDeps;
  readonly #socket: Socket;
  readonly #reader = new FrameReader(handshakeFrameBytesMax);
  readonly #pending = new Map<number, Pending>();
  readonly #tuned = Promise.withResolvers<Tune>();
  readonly #ended = Promise.withResolvers<FabricError>();
  #state: State = { is: 'handshaking' };
  #correlationId = 0;
  #isCorked = false;
  #hasWritten = false;
  #silentBeats = 0;
  #beat: Scheduled | undefined;

  /** Resolves with a connection that is open. Rejects with `CONFIG_INVALID` where only a person can help. */
  static async open(
    settings: ConnectionSettings,
    deps: ConnectionDeps,
    signal: AbortSignal,
  ): Promise<StreamConnection> {
    const timeout = new AbortController();
    const at = textOfAddress(settings.address);
    const late = unavailable(`RabbitMQ at ${at} did not let us in within ${settings.connectTimeoutMs} ms`);
    const timer = deps.clock.schedule(settings.connectTimeoutMs, () => timeout.abort(late));
    const both = AbortSignal.any([signal, timeout.signal]);
    try {
      const socket = await connectSocket(settings.address, { tls: settings.tls, signal: both });
      const connection = new StreamConnection(socket, settings, deps);
      await connection.#handshake(both);
      return connection;
    } finally {
      timer.cancel();
    }
  }

  private constructor(socket: Socket, settings: ConnectionSettings, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#settings = settings;
    this.#deps = deps;
    this.#tuned.promise.catch(() => undefined);
    socket.on('data', (data: Buffer) => this.#received(data));
    socket.on('error', (cause) => this.end(asUnavailable(`connection to ${this.#at} broke`, cause)));
    socket.on('close', () => this.end(unavailable(`${this.#at} closed the connection`)));
  }

  get broker(): BrokerFacts {
    if (this.#state.is === 'open') return this.#state.broker;
    throw unavailable(`connection to ${this.#at} is not open`);
  }

  get isOpen(): boolean {
    return this.#state.is === 'open';
  }

  /** Resolves with the reason once the connection has ended, for whatever reason. */
  get ended(): Promise<FabricError> {
    return this.#ended.promise;
  }

  /** A request that is not answered in time ends the connection: nobody knows what the broker made of it. */
  request<Answer>(
    request: StreamRequest<Answer>,
    timeoutMs: number = this.#settings.requestTimeoutMs,
  ): Promise<Answer> {
    if (this.#state.is === 'ended') return Promise.reject(this.#state.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const correlationId = (this.#correlationId = (this.#correlationId + 1) % 0x1_0000_0000);
    const late = (): void => this.end(unavailable(`${this.#at} did not answer “${request.name}” in ${timeoutMs} ms`));
    const timer = this.#deps.clock.schedule(timeoutMs, late);
    const settle = (body: FrameBody): boolean => {
      const answer = request.answer(body);
      if (body.isIntact) resolve(answer);
      return body.isIntact;
    };
    this.#pending.set(correlationId, { key: request.key, settle, reject, timer });
    this.write([encodeRequest(request, correlationId)]);
    return promise;
  }

  /** Whole frames. What is written within one turn leaves in one system call. */
  write(buffers: readonly Uint8Array[]): void {
    if (this.#state.is === 'ended') return;
    this.#hasWritten = true;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    for (const buffer of buffers) this.#socket.write(buffer);
  }

  /** Says goodbye, so that the broker takes what was sent before, and ends. */
  async close(): Promise<void> {
    if (this.#state.is === 'open') await this.request(closeConnection('bye'), closeTimeoutMs).catch(() => undefined);
    this.#finish(unavailable(`connection to ${this.#at} was closed`));
  }

  /** Ends at once, for a reason worth telling. */
  end(reason: FabricError): void {
    if (this.#state.is === 'ended') return;
    this.#deps.log.warn('rabbitmq stream connection ended', { broker: this.#at, reason: reason.message });
    this.#finish(reason);
  }

  get #at(): string {
    return `RabbitMQ at ${textOfAddress(this.#settings.address)}`;
  }

  async #handshake(signal: AbortSignal): Promise<void> {
    const abort = (): void => this.#finish(asUnavailable(`connecting to ${this.#at} was given up`, signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      const write = (frame: Buffer): void => this.write([frame]);
      const session = { request: this.request.bind(this), tuned: this.#tuned.promise, write };
      const broker = await shakeHands(session, this.#settings.address, this.#settings);
      this.#reader.allow(frameBytesMax);
      this.#state = { is: 'open', broker };
      this.#scheduleBeat(broker.heartbeatMs / 2);
    } catch (thrown) {
      const reason = thrown instanceof FabricError ? thrown : asUnavailable(`${this.#at}: handshake failed`, thrown);
      this.#finish(reason);
      throw reason;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #finish(reason: FabricError): void {
    if (this.#state.is === 'ended') return;
    this.#state = { is: 'ended', reason };
    // First, so that who hears of the loss below and asks for a connection does not get this one again.
    this.#ended.resolve(reason);
    this.#beat?.cancel();
    this.#socket.uncork();
    this.#socket.destroy();
    for (const { reject, timer } of this.#pending.values()) {
      timer.cancel();
      reject(reason);
    }
    this.#pending.clear();
    this.#tuned.reject(reason);
    for (const table of [this.publishers, this.subscriptions])
      for (const [id, sink] of table.bound()) {
        table.unbind(id);
        sink.lost(reason);
      }
  }

  #received(data: Buffer): void {
    this.#silentBeats = 0;
    const fault = this.#reader.push(data, (frame) => this.#take(frame));
    if (fault !== undefined)
      this.end(unavailable(`${this.#at} sent a ${fault.fault} (${fault.bytes} bytes): is it the stream port?`));
  }

  #take(bytes: Buffer): void {
    if (this.#state.is === 'ended') return;
    const frame = decodeFrame(bytes);
    switch (frame.kind) {
      case 'response':
        return this.#settle(frame);
      case 'heartbeat':
        return;
      case 'tune':
        return this.#tuned.resolve(frame);
      case 'close':
        this.write([encodeCloseAnswer(frame.correlationId, responseCode.ok)]);
        return this.end(unavailable(`${this.#at} closed the connection: ${frame.reason || nameOfCode(frame.code)}`));
      case 'malformed':
        return this.end(unavailable(`${this.#at} sent what cannot be read: ${frame.fault}`));
      default:
        if (this.#state.is === 'open') return this.#pass(frame);
        return this.end(unavailable(`${this.#at} sent “${frame.kind}” before the connection was open`));
    }
  }

  /** A frame for a publisher or a subscription. One that nobody has any more is no fault: it was on its way. */
  #pass(frame: SharedFrame): void {
    switch (frame.kind) {
      case 'deliver':
        return this.subscriptions.get(frame.subscriptionId)?.deliver(frame.chunk);
      case 'confirm':
        return this.publishers.get(frame.publisherId)?.confirmed(frame.publishingIds);
      case 'publish error':
        return this.publishers.get(frame.publisherId)?.refused(frame.refusals);
      case 'metadata update':
        return this.#lose(frame.stream, frame.code);
      case 'credit refused':
        return;
    }
  }

  #settle({ key, correlationId, body }: ServerFrame & { readonly kind: 'response' }): void {
    const pending = this.#pending.get(correlationId);
    if (pending === undefined || pending.key !== key)
      return this.end(unavailable(`${this.#at} answered what nobody asked (0x${key.toString(16)}, ${correlationId})`));
    this.#pending.delete(correlationId);
    pending.timer.cancel();
    if (pending.settle(body)) return;
    const reason = unavailable(`${this.#at} sent an answer (0x${key.toString(16)}) that is cut short`);
    pending.reject(reason);
    this.end(reason);
  }

  /** The broker has dropped whoever publishes to or reads from the stream: its leader or replica is gone. */
  #lose(stream: string, code: number): void {
    const reason = unavailable(`${this.#at}: stream ${stream}: ${nameOfCode(code)}`);
    for (const table of [this.publishers, this.subscriptions])
      for (const [id, sink] of table.bound())
        if (sink.stream === stream) {
          table.unbind(id);
          sink.lost(reason);
        }
  }

  #scheduleBeat(ms: number): void {
    this.#beat = this.#deps.clock.schedule(ms, () => {
      this.#silentBeats += 1;
      if (this.#silentBeats > silentBeatsMax)
        return this.end(unavailable(`${this.#at} has been silent for ${ms * silentBeatsMax} ms`));
      if (!this.#hasWritten) this.write([encodeHeartbeat()]);
      this.#hasWritten = false;
      this.#scheduleBeat(ms);
    });
  }
}
