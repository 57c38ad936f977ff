/**
 * One reading of a stream: a subscription whose chunks are decoded as they come and wait here, in groups, until they are
 * taken. The broker sends a chunk for each credit it has; a credit is given back when a group is taken, so what a
 * reading holds is bounded by its credits.
 *
 *     seeking ──marker found──▶ reading ──▶ ended, by its owner or for a reason that is thrown once all is taken
 *
 * A reading from the end seeks first: it drops everything up to the marker that was appended for it. A reading from an
 * offset starts out reading; the broker begins with the chunk that holds the offset and what lies before is dropped.
 */
import type { FabricError } from '../../model/error.ts';
import type { Log } from '../../ports/log.ts';
import type { LogEntry, LogReading } from '../../ports/message-log.ts';
import { refused, unavailable } from './errors.ts';
import { isMarker } from './marker.ts';
import { decodeChunk } from './stream/chunk.ts';
import { responseCode } from './stream/response-code.ts';
import type { StreamConnection, SubscriptionSink } from './stream/stream-connection.ts';
import { encodeCredit } from './stream/stream-frames.ts';
import { type StartAt, subscribe, unsubscribe } from './stream/stream-requests.ts';

export interface ReadingSettings {
  readonly stream: string;
  readonly connection: StreamConnection;
  /** Reserved on the connection. */
  readonly subscriptionId: number;
  /** Chunks the broker may send before one is taken. */
  readonly credits: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

type State =
  | { readonly is: 'seeking'; readonly marker: Uint8Array; readonly found: PromiseWithResolvers<void> }
  | { readonly is: 'reading' }
  | { readonly is: 'ended'; readonly reason: FabricError | undefined };

export class StreamReading implements LogReading, SubscriptionSink {
  readonly stream: string;
  readonly entries: AsyncIterable<readonly LogEntry[]>;
  readonly #settings: ReadingSettings;
  readonly #onAbort = (): void => this.#end(undefined);
  #start = 0n;
  #state: State = { is: 'reading' };
  #groups: (readonly LogEntry[])[] = [];
  #wake = Promise.withResolvers<void>();
  #owedCredits = 0;
  #freed: Promise<void> | undefined;

  /** Reads from an offset on, or from the oldest entry after it. */
  static async openAt(offset: bigint, settings: ReadingSettings): Promise<StreamReading> {
    const reading = new StreamReading(settings);
    reading.#start = offset;
    await reading.#subscribe({ at: 'offset', offset });
    return reading;
  }

  /** Reads what is appended after `marker`, which `append` brings into the stream. */
  static async openAfter(
    marker: Uint8Array,
    append: () => Promise<void>,
    settings: ReadingSettings,
  ): Promise<StreamReading> {
    const reading = new StreamReading(settings);
    const found = Promise.withResolvers<void>();
    found.promise.catch(() => undefined);
    reading.#state = { is: 'seeking', marker, found };
    await reading.#subscribe({ at: 'next' });
    try {
      await Promise.all([append(), found.promise]);
    } catch (thrown) {
      await reading[Symbol.asyncDispose]();
      throw thrown;
    }
    return reading;
  }

  private constructor(settings: ReadingSettings) {
    this.stream = settings.stream;
    this.#settings = settings;
    this.entries = this.#taken();
  }

  get start(): bigint {
    return this.#start;
  }

  deliver(chunk: Buffer): void {
    if (this.#state.is === 'ended') return;
    const decoded = decodeChunk(chunk, this.#start);
    if (decoded.kind === 'damaged') return this.#refuse(decoded.fault);
    if (decoded.passedOver > 0)
      this.#settings.log.warn('log holds compressed entries of another client, passed over', {
        stream: this.stream,
        entries: decoded.passedOver,
      });
    const wanted = this.#wanted(decoded.entries);
    if (wanted.length === 0) return this.#giveCredit();
    this.#groups.push(wanted);
    this.#wake.resolve();
  }

  lost(reason: FabricError): void {
    this.#end(reason);
  }

  /** Ends the reading and frees its place at the broker. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end(undefined);
    return this.#free();
  }

  async #subscribe(start: StartAt): Promise<void> {
    const { connection, credits, signal, subscriptionId } = this.#settings;
    connection.subscriptions.bind(subscriptionId, this);
    const { code } = await connection.request(subscribe(subscriptionId, this.stream, { start, credit: credits }));
    if (code !== responseCode.ok) {
      await this[Symbol.asyncDispose]();
      throw refused(`reading ${this.stream}`, code);
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  #wanted(entries: readonly LogEntry[]): readonly LogEntry[] {
    const from = this.#state.is === 'seeking' ? this.#seek(this.#state, entries) : 0;
    return entries.filter(({ batch }, index) => index >= from && !isMarker(batch));
  }

  /** The index of the first entry behind the marker; past all of them while it has not come. */
  #seek({ marker, found }: State & { readonly is: 'seeking' }, entries: readonly LogEntry[]): number {
    const index = entries.findIndex(({ batch }) => isMarker(batch) && Buffer.compare(batch, marker) === 0);
    const own = entries[index];
    if (own === undefined) return entries.length;
    this.#start = own.offset;
    this.#state = { is: 'reading' };
    found.resolve();
    return index + 1;
  }

  #refuse(fault: string): void {
    const { log } = this.#settings;
    log.error('rabbitmq delivered a chunk that cannot be read', { stream: this.stream, fault });
    this.#end(unavailable(`stream ${this.stream} delivered a chunk that cannot be read: ${fault}`));
  }

  /** In twos halves, as every credit frame costs the broker a turn and it goes on sending with the other half. */
  #giveCredit(): void {
    const { connection, credits, subscriptionId } = this.#settings;
    this.#owedCredits += 1;
    if (this.#state.is === 'ended' || this.#owedCredits * 2 < credits) return;
    connection.write([encodeCredit(subscriptionId, this.#owedCredits)]);
    this.#owedCredits = 0;
  }

  async *#taken(): AsyncGenerator<readonly LogEntry[]> {
    for (;;) {
      const group = this.#groups.shift();
      if (group !== undefined) {
        this.#giveCredit();
        yield group;
      } else if (this.#state.is === 'ended') {
        if (this.#state.reason !== undefined) throw this.#state.reason;
        return;
      } else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }

  /** With a reason, what has come is still handed out before it is thrown. */
  #end(reason: FabricError | undefined): void {
    if (reason === undefined) this.#groups = [];
    if (this.#state.is === 'ended') return;
    if (this.#state.is === 'seeking')
      this.#state.found.reject(reason ?? unavailable(`reading ${this.stream} was ended`));
    this.#state = { is: 'ended', reason };
    this.#settings.signal.removeEventListener('abort', this.#onAbort);
    this.#settings.connection.subscriptions.unbind(this.#settings.subscriptionId);
    this.#wake.resolve();
    void this.#free();
  }

  #free(): Promise<void> {
    return (this.#freed ??= this.#unsubscribe());
  }

  /** The id is free for others once the broker has answered, whatever it says. */
  async #unsubscribe(): Promise<void> {
    const { connection, subscriptionId } = this.#settings;
    if (!connection.isOpen) return;
    await connection.request(unsubscribe(subscriptionId)).catch(() => undefined);
    connection.subscriptions.release(subscriptionId);
  }
}
