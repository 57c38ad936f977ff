/**
 * The message log in RabbitMQ streams, one stream per partition. A few connections carry all of it: publishers share
 * some by partition, readings share others, apart from them because a broker under an alarm stops reading what a
 * publishing connection sends, credits included.
 *
 * Who appends sees a broken connection only when it lasts: entries wait, in order, for up to `publishTimeoutMs` without
 * a confirm. A reading that breaks throws; opening one again is its owner's.
 */
import { FabricError } from '../../model/error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { Log } from '../../ports/log.ts';
import type { LogLayout, LogReading, LogWriter, MessageLog } from '../../ports/message-log.ts';
import { attemptRepeatedly, Backoff } from './backoff.ts';
import { asUnavailable } from './errors.ts';
import { agreeOnLayout, encodeLayout, layoutReference } from './log-layout.ts';
import { ensureStreams, type Retention, streamOfLayout, streamOfPartition, streamOfWriters } from './log-streams.ts';
import { createMarker } from './marker.ts';
import { OutstandingBytes } from './outstanding-bytes.ts';
import { type BrokerAddress } from './stream/broker-address.ts';
import { ConnectionPool } from './stream/connection-pool.ts';
import type { BrokerFacts } from './stream/handshake.ts';
import type { TlsSettings } from './stream/socket.ts';
import { StreamDirectory } from './stream/stream-directory.ts';
import { lastIdMax, StreamPublisher } from './stream-publisher.ts';
import { StreamReading } from './stream-reading.ts';
import { WriterRegister } from './writer-register.ts';

export interface RabbitMessageLogSettings {
  /** Brokers of one cluster, tried in turn. */
  readonly addresses: readonly [BrokerAddress, ...BrokerAddress[]];
  readonly tls: TlsSettings;
  /** Whether brokers are reached at the addresses they advertise; not behind a load balancer. */
  readonly followsAdvertised: boolean;
  /** Streams are named `<prefix>.<partition>`. */
  readonly prefix: string;
  readonly layout: LogLayout;
  /** Of streams that are created. */
  readonly retention: Retention;
  /** Shown in the broker's list of connections. */
  readonly clientName: string;
  /** How long an append waits without any confirm before it is given up. */
  readonly publishTimeoutMs: number;
  /** How long opening the log or a reading is tried. */
  readonly openTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Entries of all partitions that wait to be confirmed; more are refused. */
  readonly outstandingBytesMax: number;
  /** Connections publishers share, by partition. */
  readonly publishConnections: number;
  /** Connections readings share, by partition; more are opened when one has 200 readings. */
  readonly readConnections: number;
  /** Chunks a reading holds that nobody has taken yet. */
  readonly readCredits: number;
}

/** What suits most; see each setting. */
export const defaultRabbitMessageLogSettings = {
  tls: {},
  followsAdvertised: true,
  prefix: 'aether.log',
  publishTimeoutMs: 10_000,
  openTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 5000,
  heartbeatMs: 10_000,
  outstandingBytesMax: 64 * 1024 * 1024,
  publishConnections: 2,
  readConnections: 8,
  readCredits: 4,
} as const satisfies Partial<RabbitMessageLogSettings>;

export interface RabbitDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly entropy: Entropy;
}

/** A log whose streams exist and whose layout is the one configured. */
export const openRabbitMessageLog = async (
  settings: RabbitMessageLogSettings,
  deps: RabbitDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<RabbitMessageLog> => {
  const messageLog = new RabbitMessageLog(settings, deps);
  try {
    await messageLog.prepare(signal);
    return messageLog;
  } catch (thrown) {
    await messageLog[Symbol.asyncDispose]();
    throw thrown;
  }
};

export class RabbitMessageLog implements MessageLog, AsyncDisposable {
  readonly layout: LogLayout;
  #id = '';
  readonly #givenId: string;
  readonly #settings: RabbitMessageLogSettings;
  readonly #deps: RabbitDeps;
  readonly #pool: ConnectionPool;
  readonly #directory: StreamDirectory;
  readonly #outstanding: OutstandingBytes;
  /** The process's own, for what is appended without a writer. */
  readonly #own: LogWriter;
  readonly #publishers = new Map<LogWriter, readonly StreamPublisher[]>();
  readonly #registering: StreamPublisher;
  readonly #register: WriterRegister;
  readonly #closing = new AbortController();

  constructor(settings: RabbitMessageLogSettings, deps: RabbitDeps) {
    this.layout = settings.layout;
    this.#settings = settings;
    this.#deps = deps;
    this.#pool = new ConnectionPool(settings, deps);
    this.#directory = new StreamDirectory(this.#pool, settings);
    this.#outstanding = new OutstandingBytes(settings.outstandingBytesMax);
    this.#own = everCurrent(deps.entropy.uuid());
    this.#givenId = deps.entropy.uuid();
    this.#registering = this.#createPublisher(streamOfWriters(settings.prefix), { share: 0, writer: this.#own });
    this.#register = this.#openRegister();
  }

  /** Known once it is prepared. */
  get id(): string {
    return this.#id;
  }

  /** Whether it was created by being opened here: nobody has used it before. */
  get isNew(): boolean {
    return this.#id === this.#givenId;
  }

  /** Who answered last, for its version and its limit on frames. */
  get broker(): BrokerFacts | undefined {
    return this.#pool.broker;
  }

  append(partition: number, parts: readonly Uint8Array[], writer: LogWriter = this.#own): Promise<void> {
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    return this.#publisher(partition, writer).append(parts, bytes);
  }

  enter(writer: string, { signal }: { readonly signal: AbortSignal }): Promise<ReadonlySet<string>> {
    return this.#register.enter(writer, signal);
  }

  /** What the broker has stored of the writer has a lower id than the marker: whatever comes after that is dropped. */
  async fence(writer: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const both = AbortSignal.any([signal, this.#closing.signal]);
    // On one connection a reference can be declared once.
    for (const own of this.#publishers.keys()) if (own.name === writer) await this.#retire(own);
    await Promise.all(this.#streams.map((stream, share) => this.#fenceOn(stream, { writer, share, signal: both })));
    // Who is not struck out is fenced off again by the next one that enters.
    await this.#register.strike(writer).catch(() => undefined);
  }

  read(partition: number, from: bigint | 'end', { signal }: { readonly signal: AbortSignal }): Promise<LogReading> {
    const publisher = this.#publisher(partition, this.#own);
    return this.#repeatedly(signal, `reading ${publisher.stream}`, () => this.#openReading(publisher, from, signal));
  }

  /** Creates what is missing and agrees on the layout. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { prefix } = this.#settings;
    await this.#repeatedly(signal, `opening message log ${prefix}`, async () => {
      const connection = await this.#directory.connection();
      await ensureStreams(connection, this.#settings);
    });
    const writer = everCurrent(layoutReference);
    const publisher = this.#createPublisher(streamOfLayout(prefix), { share: 0, writer });
    const layout = encodeLayout({ id: this.#givenId, ...this.layout });
    await publisher.append([layout], layout.byteLength);
    await publisher.close();
    await this.#repeatedly(signal, `reading the layout of message log ${prefix}`, async () => {
      await using reading = await this.#openReading(publisher, 0n, signal);
      this.#id = await agreeOnLayout(reading, { layout: this.layout, name: prefix });
    });
  }

  /** Takes no more, waits for what is outstanding, and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#publishers.values()].flat().map((publisher) => publisher.close()));
    await this.#registering.close();
    this.#closing.abort();
    await this.#pool.close();
  }

  #createPublisher(
    stream: string,
    { share, writer, lastId = 0 }: { readonly share: number; readonly writer: LogWriter; readonly lastId?: number },
  ): StreamPublisher {
    const { publishTimeoutMs } = this.#settings;
    const deps = { ...this.#deps, directory: this.#directory, outstanding: this.#outstanding };
    return new StreamPublisher({ stream, writer, share, lastId, publishTimeoutMs }, deps);
  }

  #openRegister(): WriterRegister {
    const publisher = this.#registering;
    return new WriterRegister({
      append: (line) => publisher.append([line], line.byteLength),
      read: (signal) =>
        this.#repeatedly(signal, `reading ${publisher.stream}`, () => this.#openReading(publisher, 0n, signal)),
      createId: () => this.#deps.entropy.uuid(),
    });
  }

  get #streams(): readonly string[] {
    return Array.from({ length: this.layout.partitions }, (_, partition) =>
      streamOfPartition(this.#settings.prefix, partition),
    );
  }

  async #fenceOn(
    stream: string,
    { writer, share, signal }: { readonly writer: string; readonly share: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const pauses = new Backoff();
    for (;;) {
      signal.throwIfAborted();
      const publisher = this.#createPublisher(stream, { share, writer: everCurrent(writer), lastId: lastIdMax });
      const marker = createMarker(this.#deps.entropy.uuid());
      const isDone = await publisher.append([marker], marker.byteLength).then(
        () => true,
        () => false,
      );
      await publisher.close();
      if (isDone) return;
      await this.#deps.clock.sleep(pauses.next(), { signal });
    }
  }

  #publishersOf(writer: LogWriter): readonly StreamPublisher[] {
    const found = this.#publishers.get(writer);
    if (found !== undefined) return found;
    const publishers = this.#streams.map((stream, share) => this.#createPublisher(stream, { share, writer }));
    this.#publishers.set(writer, publishers);
    writer.lost.addEventListener('abort', () => void this.#retire(writer), { once: true });
    return publishers;
  }

  async #retire(writer: LogWriter): Promise<void> {
    const publishers = this.#publishers.get(writer) ?? [];
    this.#publishers.delete(writer);
    for (const publisher of publishers) publisher.withdraw();
    await Promise.all(publishers.map((publisher) => publisher.close()));
  }

  #publisher(partition: number, writer: LogWriter): StreamPublisher {
    const found = this.#publishersOf(writer)[partition];
    if (found === undefined) throw new RangeError(`partition ${partition} of ${this.layout.partitions}`);
    return found;
  }

  #repeatedly<Result>(signal: AbortSignal, what: string, attempt: () => Promise<Result>): Promise<Result> {
    const both = AbortSignal.any([signal, this.#closing.signal]);
    const failure = (thrown: unknown): FabricError =>
      thrown instanceof FabricError && !thrown.retryable ? thrown : asUnavailable(what, thrown);
    const { openTimeoutMs: timeoutMs } = this.#settings;
    return attemptRepeatedly({ clock: this.#deps.clock, signal: both, timeoutMs, failure }, attempt);
  }

  async #openReading(publisher: StreamPublisher, from: bigint | 'end', signal: AbortSignal): Promise<StreamReading> {
    const { stream } = publisher;
    const { log, entropy } = this.#deps;
    try {
      signal.throwIfAborted();
      const { connection, id } = await this.#directory.reading(stream, publisher.share);
      const settings = { stream, connection, subscriptionId: id, credits: this.#settings.readCredits, signal, log };
      if (from !== 'end') return await StreamReading.openAt(from, settings);
      const marker = createMarker(entropy.uuid());
      return await StreamReading.openAfter(marker, () => publisher.append([marker], marker.byteLength), settings);
    } catch (thrown) {
      this.#directory.forget(stream);
      throw thrown;
    }
  }
}

const everCurrent = (name: string): LogWriter => ({
  name,
  isCurrent: () => true,
  lost: new AbortController().signal,
});
