/**
 * What a log can do at most. RabbitMQ: one frame of entries encoded once, written again and again with a bound on what is
 * unconfirmed, and read back without being looked at. A file: the same bytes appended and synced.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { defaultRabbitMessageLogSettings } from '../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { parseBrokerAddress } from '../../src/adapters/rabbitmq/stream/broker-address.ts';
import { encodePublish } from '../../src/adapters/rabbitmq/stream/publish-frame.ts';
import { StreamConnection } from '../../src/adapters/rabbitmq/stream/stream-connection.ts';
import { encodeCredit } from '../../src/adapters/rabbitmq/stream/stream-frames.ts';
import {
  createStream,
  declarePublisher,
  deleteStream,
  subscribe,
} from '../../src/adapters/rabbitmq/stream/stream-requests.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { nowMs } from '../harness/statistics.ts';

export interface StreamRun {
  readonly url: string;
  readonly prefix: string;
  readonly streams: number;
  readonly entryBytes: number;
  readonly seconds: number;
}

export interface FileRun {
  readonly path: string;
  readonly bytesAtOnce: number;
  readonly seconds: number;
}

const frameBytes = 256 * 1024;
/** What may be unread, of all streams. */
const underWayBytes = 16 * 1024 * 1024;
const credits = 10;
const okCode = 1;

export class BareLog {
  async publish(run: StreamRun): Promise<{ entriesPerSecond: number }> {
    const [publishing, reading] = [await open(run.url), await open(run.url)];
    const streams: BareStream[] = [];
    for (let id = 0; id < run.streams; id += 1)
      streams.push(await BareStream.open(`${run.prefix}.${id}`, id, { publishing, reading, run }));
    const startedMs = nowMs();
    await Promise.all(streams.map((stream) => stream.run(startedMs + run.seconds * 1000)));
    const ms = nowMs() - startedMs;
    for (const { name } of streams) await publishing.request(deleteStream(name));
    await Promise.all([publishing.close(), reading.close()]);
    return { entriesPerSecond: (streams.reduce((sum, { sent }) => sum + sent, 0) * 1000) / ms };
  }

  append({ path, bytesAtOnce, seconds }: FileRun): { bytesPerSecond: number } {
    const file = openSync(path, 'w');
    const block = Buffer.alloc(bytesAtOnce, 7);
    const startedMs = nowMs();
    let bytes = 0;
    do {
      bytes += writeSync(file, block);
      fdatasyncSync(file);
    } while (nowMs() < startedMs + seconds * 1000);
    const bytesPerSecond = (bytes * 1000) / (nowMs() - startedMs);
    closeSync(file);
    return { bytesPerSecond };
  }
}

interface StreamSetting {
  readonly publishing: StreamConnection;
  readonly reading: StreamConnection;
  readonly run: StreamRun;
}

class BareStream {
  readonly name: string;
  readonly #publishing: StreamConnection;
  readonly #frame: readonly Uint8Array[];
  readonly #frameEntries: number;
  readonly #underWayMax: number;
  sent = 0;
  #confirmed = 0;
  #read = 0;
  #wake: PromiseWithResolvers<void> | undefined;

  static async open(name: string, id: number, { publishing, reading, run }: StreamSetting): Promise<BareStream> {
    const stream = new BareStream(name, id, { publishing, reading, run });
    const requests = [
      await publishing.request(createStream(name, {})),
      // Without a reference the broker drops nothing for its publishing id, so one frame can be sent for ever.
      await publishing.request(declarePublisher(id, '', name)),
      await reading.request(subscribe(id, name, { start: { at: 'next' }, credit: credits })),
    ];
    const refused = requests.find(({ code }) => code !== okCode);
    if (refused !== undefined) throw new Error(`${name}: the broker answers ${refused.code}`);
    return stream;
  }

  private constructor(name: string, id: number, { publishing, reading, run }: StreamSetting) {
    this.name = name;
    this.#publishing = publishing;
    this.#frameEntries = Math.max(1, Math.floor(frameBytes / run.entryBytes / 4));
    this.#underWayMax = Math.max(2 * this.#frameEntries, Math.floor(underWayBytes / run.entryBytes / run.streams));
    const part = Buffer.alloc(run.entryBytes, 7);
    const entries = Array.from({ length: this.#frameEntries }, (_, publishingId) => ({
      publishingId,
      parts: [part],
      bytes: run.entryBytes,
    }));
    this.#frame = encodePublish(id, entries);
    this.#listen(id, publishing, reading);
  }

  async run(untilMs: number): Promise<void> {
    while (nowMs() < untilMs) {
      this.#publishing.write(this.#frame);
      this.sent += this.#frameEntries;
      if (this.sent - Math.min(this.#read, this.#confirmed) > this.#underWayMax) await this.#moved();
    }
    while (Math.min(this.#read, this.#confirmed) < this.sent) await this.#moved();
  }

  #listen(id: number, publishing: StreamConnection, reading: StreamConnection): void {
    const lost = (reason: Error): void => this.#wake?.reject(reason);
    publishing.publishers.reserve();
    reading.subscriptions.reserve();
    publishing.publishers.bind(id, {
      stream: this.name,
      confirmed: ({ length }) => {
        this.#confirmed += length;
        this.#wake?.resolve();
      },
      refused: ([first]) => lost(new Error(`${this.name}: refused ${first?.code}`)),
      lost,
    });
    reading.subscriptions.bind(id, {
      stream: this.name,
      deliver: (chunk) => {
        this.#read += chunk.readUInt16BE(2);
        reading.write([encodeCredit(id, 1)]);
        this.#wake?.resolve();
      },
      lost,
    });
  }

  #moved(): Promise<void> {
    this.#wake = Promise.withResolvers();
    return this.#wake.promise;
  }
}

const open = (url: string): Promise<StreamConnection> => {
  const { heartbeatMs, connectTimeoutMs, requestTimeoutMs, tls } = defaultRabbitMessageLogSettings;
  const settings = { address: parseBrokerAddress(url), clientName: 'bare', tls };
  const deps = { clock: systemClock, log: new MemoryLog() };
  return StreamConnection.open(
    { ...settings, heartbeatMs, connectTimeoutMs, requestTimeoutMs },
    deps,
    AbortSignal.timeout(connectTimeoutMs),
  );
};
