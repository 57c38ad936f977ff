/**
 * The one publisher of a stream in this process. Entries get strictly increasing publishing ids under one publisher
 * reference for the life of the process; the broker remembers the highest id it has stored for the reference and drops
 * whatever is not above it. All that follows rests on that:
 *
 * - After a broken connection everything unconfirmed is sent again in order. What was stored already is dropped and
 *   confirmed once more, when it is safe on a quorum: nothing is lost, doubled or out of order. (The broker could be
 *   asked which id it has, but not whether that is committed, and there is little to save.)
 * - When no confirm has come for `publishTimeoutMs`, all that is outstanding is rejected. The reference stays and the ids
 *   go on, so that bytes which still lie in some buffer on the way arrive as ids below those of later appends, and are
 *   dropped once one of these is stored. A new reference would let them in behind.
 *
 * - The reference is a writer's name. Once that is not current nothing is sent or sent again, and what is outstanding
 *   is rejected. Whoever fences the writer off publishes under its reference, with the last id there is: what still is on
 *   its way arrives below that and is dropped. The broker confirms it all the same: whoever appends looks whether the
 *   writer still is current.
 *
 *     idle ──append──▶ declaring ──declared──▶ ready ──lost, refused──▶ declaring or, with nothing outstanding, idle
 */
import { FabricError } from '../../model/error.ts';
import type { Clock, Scheduled } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { LogWriter } from '../../ports/message-log.ts';
import { Backoff } from './backoff.ts';
import { failed, refused, unavailable } from './errors.ts';
import { Fifo } from './fifo.ts';
import type { OutstandingBytes } from './outstanding-bytes.ts';
import { frameBytesMaxOf, mendOfFrameMax } from './stream/frame-limit.ts';
import { loneFrameBytes, type OutgoingEntry, PublishFrames } from './stream/publish-frame.ts';
import { nameOfCode, responseCode } from './stream/response-code.ts';
import type { PublisherSink, StreamConnection } from './stream/stream-connection.ts';
import type { Place, StreamDirectory } from './stream/stream-directory.ts';
import type { PublishRefusal } from './stream/stream-frames.ts';
import { declarePublisher, deletePublisher } from './stream/stream-requests.ts';

export interface PublisherSettings {
  readonly stream: string;
  /** Its name is the reference: at most 255 bytes, and nobody else's. */
  readonly writer: LogWriter;
  /** Below the ids of its entries. */
  readonly lastId: number;
  /** Streams of different shares may get different connections. */
  readonly share: number;
  readonly publishTimeoutMs: number;
}

export interface PublisherDeps {
  readonly outstanding: OutstandingBytes;
  readonly directory: StreamDirectory;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry extends OutgoingEntry {
  isSent: boolean;
  readonly resolve: () => void;
  readonly reject: (reason: FabricError) => void;
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'declaring' }
  | { readonly is: 'ready'; readonly connection: StreamConnection; readonly publisherId: number };

/** Bytes of one stream on their way at once. Chunks grow with it, and so does what one stream can hold up others. */
const windowBytes = 4 * 1024 * 1024;
/** What fences a writer off has the id after it; ids are counted in numbers that are exact. */
export const lastIdMax = Number.MAX_SAFE_INTEGER - 1;
/** Entries share a frame up to this size. */
const sharedFrameBytes = 256 * 1024;

export class StreamPublisher implements PublisherSink {
  readonly stream: string;
  readonly share: number;
  readonly #settings: PublisherSettings;
  readonly #deps: PublisherDeps;
  readonly #closing = new AbortController();
  /** By publishing id, in order. */
  readonly #outstanding = new Map<number, Entry>();
  /** Not yet on the present connection, in order. */
  readonly #unsent = new Fifo<Entry>();
  #sentBytes = 0;
  #lastId: number;
  #state: State = { is: 'idle' };
  #isClosing = false;
  #isFlushScheduled = false;
  #progressMs = 0;
  #stall: Scheduled | undefined;
  #failure: unknown;
  /** Between attempts to declare; `undefined` when the last one was followed by a confirm. */
  #pauses: Backoff | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(settings: PublisherSettings, deps: PublisherDeps) {
    this.stream = settings.stream;
    this.share = settings.share;
    this.#settings = settings;
    this.#deps = deps;
    this.#lastId = settings.lastId;
    settings.writer.lost.addEventListener('abort', this.withdraw, { once: true, signal: this.#closing.signal });
  }

  /** Resolves when the entry is durable. The parts must not change before. */
  append(parts: readonly Uint8Array[], bytes: number): Promise<void> {
    if (this.#isClosing) return Promise.reject(unavailable(`stream ${this.stream}: the log is closed`));
    if (!this.#settings.writer.isCurrent()) return Promise.reject(notCurrent());
    if (!this.#deps.outstanding.take(bytes))
      return Promise.reject(unavailable(`stream ${this.stream}: too much is waiting for RabbitMQ already`));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#outstanding.size === 0) this.#watch();
    const entry = { publishingId: (this.#lastId += 1), parts, bytes, isSent: false, resolve, reject };
    this.#outstanding.set(entry.publishingId, entry);
    this.#unsent.push(entry);
    if (this.#state.is === 'idle') void this.#declare();
    else this.#scheduleFlush();
    return promise;
  }

  /** Takes no more and waits for what is outstanding, which takes at most the publish timeout. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#outstanding.size > 0) await (this.#drained ??= Promise.withResolvers<void>()).promise;
    this.#stall?.cancel();
    this.#closing.abort();
    this.#leave();
  }

  confirmed(publishingIds: readonly number[]): void {
    this.#progressMs = this.#deps.clock.monotonic();
    this.#pauses = undefined;
    for (const id of publishingIds) {
      const entry = this.#outstanding.get(id);
      if (entry === undefined) continue;
      this.#remove(entry);
      entry.resolve();
    }
    this.#afterRemoval();
    if (this.#unsent.length > 0) this.#scheduleFlush();
  }

  /** The broker cannot store at present, or has forgotten the publisher: declare it again and send all again. */
  refused(refusals: readonly PublishRefusal[]): void {
    if (this.#state.is !== 'ready') return;
    this.#leave();
    this.#startAgain(unavailable(`publishing to ${this.stream}: ${nameOfCode(refusals[0]?.code ?? 0)}`));
  }

  lost(reason: FabricError): void {
    if (this.#state.is !== 'ready') return;
    this.#state.connection.publishers.release(this.#state.publisherId);
    this.#startAgain(reason);
  }

  #startAgain(reason: FabricError): void {
    this.#failure = reason;
    this.#deps.directory.forget(this.stream);
    const again = [...this.#outstanding.values()];
    for (const entry of again) entry.isSent = false;
    this.#unsent.replace(again);
    this.#sentBytes = 0;
    this.#state = { is: 'idle' };
    if (this.#outstanding.size > 0) void this.#declare();
  }

  /** At once after progress, else with growing pauses. */
  async #declare(): Promise<void> {
    this.#state = { is: 'declaring' };
    const { signal } = this.#closing;
    while (this.#outstanding.size > 0 && !signal.aborted) {
      if (this.#pauses === undefined) this.#pauses = new Backoff();
      else await this.#deps.clock.sleep(this.#pauses.next(), { signal }).catch(() => undefined);
      if (await this.#tryDeclare()) return;
    }
    this.#state = { is: 'idle' };
  }

  /** True when the publisher was declared, even if it has been lost again since. */
  async #tryDeclare(): Promise<boolean> {
    const { directory, log } = this.#deps;
    try {
      await this.#declareAt(await directory.publishing(this.stream, this.share));
      return true;
    } catch (thrown) {
      if (this.#failure === undefined)
        log.warn('rabbitmq stream cannot be published to, trying again', { stream: this.stream, cause: thrown });
      this.#failure = thrown;
      directory.forget(this.stream);
      return false;
    }
  }

  async #declareAt({ connection, id }: Place): Promise<void> {
    const { code } = await connection.request(declarePublisher(id, this.#settings.writer.name, this.stream));
    if (code !== responseCode.ok) {
      connection.publishers.release(id);
      // Also what a broker says that is low on disk and takes nothing.
      const isAlarm = code === responseCode.preconditionFailed;
      throw refused(`publishing to ${this.stream}${isAlarm ? ' (is the broker low on disk?)' : ''}`, code);
    }
    if (this.#closing.signal.aborted) {
      // Closed meanwhile. On one connection a reference can be declared once: whoever is next would be refused for ever.
      this.#state = { is: 'idle' };
      return this.#undeclare(connection, id);
    }
    if (!connection.isOpen) throw unavailable('the connection has ended');
    // In one turn, so that no loss of the connection can fall between being bound and being ready.
    connection.publishers.bind(id, this);
    this.#state = { is: 'ready', connection, publisherId: id };
    this.#flush();
  }

  #leave(): void {
    if (this.#state.is !== 'ready') return;
    const { connection, publisherId } = this.#state;
    this.#state = { is: 'idle' };
    connection.publishers.unbind(publisherId);
    void this.#undeclare(connection, publisherId);
  }

  /** Best effort: a broker that has forgotten the publisher says so, and the id is free either way. */
  async #undeclare(connection: StreamConnection, publisherId: number): Promise<void> {
    await connection.request(deletePublisher(publisherId)).catch(() => undefined);
    connection.publishers.release(publisherId);
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  /** Sends what the window takes; at least one entry, whatever its size. */
  #flush(): void {
    if (this.#state.is !== 'ready') return;
    if (!this.#settings.writer.isCurrent()) return this.withdraw();
    const { connection, publisherId } = this.#state;
    const frameBytesMax = frameBytesMaxOf(connection.broker);
    const window = Math.min(windowBytes, frameBytesMax / 2);
    const frames = new PublishFrames(publisherId, Math.min(sharedFrameBytes, window), (buffers) =>
      connection.write(buffers),
    );
    for (let entry = this.#unsent.peek(); entry !== undefined; entry = this.#unsent.peek()) {
      if (this.#sentBytes > 0 && this.#sentBytes + entry.bytes > window) break;
      this.#unsent.shift();
      if (!this.#outstanding.has(entry.publishingId) || this.#refuseTooLarge(entry, frameBytesMax)) continue;
      frames.add(entry);
      entry.isSent = true;
      this.#sentBytes += entry.bytes;
    }
    frames.close();
  }

  #refuseTooLarge(entry: Entry, frameBytesMax: number): boolean {
    if (loneFrameBytes(entry.bytes) <= frameBytesMax) return false;
    this.#remove(entry);
    const message = `an entry of ${entry.bytes} bytes does not fit RabbitMQ's frame_max of ${frameBytesMax}`;
    entry.reject(new FabricError('ERR_PAYLOAD_TOO_LARGE', `${message}: set ${mendOfFrameMax}`));
    this.#afterRemoval();
    return true;
  }

  #remove(entry: Entry): void {
    this.#outstanding.delete(entry.publishingId);
    this.#deps.outstanding.give(entry.bytes);
    if (entry.isSent) this.#sentBytes -= entry.bytes;
  }

  #afterRemoval(): void {
    if (this.#outstanding.size > 0) return;
    this.#failure = undefined;
    this.#drained?.resolve();
  }

  /** The writer's time is over. What has been sent may be in the log or not, or be dropped on its way. */
  readonly withdraw = (): void => {
    const withdrawn = [...this.#outstanding.values()];
    for (const entry of withdrawn) this.#remove(entry);
    this.#unsent.replace([]);
    this.#afterRemoval();
    this.#leave();
    for (const entry of withdrawn) entry.reject(notCurrent());
  };

  /** Rejects all that is outstanding once nothing has been confirmed for the publish timeout. */
  #watch(): void {
    const { clock } = this.#deps;
    this.#progressMs = clock.monotonic();
    if (this.#stall !== undefined) return;
    const { publishTimeoutMs } = this.#settings;
    const check = (): void => {
      this.#stall = undefined;
      if (this.#outstanding.size === 0) return;
      const leftMs = this.#progressMs + publishTimeoutMs - clock.monotonic();
      if (leftMs <= 0) return this.#giveUp();
      this.#stall = clock.schedule(leftMs, check);
    };
    this.#stall = clock.schedule(publishTimeoutMs, check);
  }

  #giveUp(): void {
    const { publishTimeoutMs } = this.#settings;
    const reason = failed(`stream ${this.stream} has confirmed nothing for ${publishTimeoutMs} ms`, this.#failure);
    const given = [...this.#outstanding.values()];
    this.#deps.log.warn('rabbitmq appends given up', { stream: this.stream, entries: given.length, cause: reason });
    for (const entry of given) this.#remove(entry);
    this.#unsent.replace([]);
    this.#afterRemoval();
    // A broker that takes and does not confirm is no better than one that is gone.
    if (this.#state.is === 'ready') this.#state.connection.end(reason);
    for (const entry of given) entry.reject(reason);
  }
}

const notCurrent = (): FabricError => new FabricError('LEASE_LOST', 'whoever appends has lost its lease');
