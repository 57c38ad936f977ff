/** What the RabbitMQ log does beyond what every log does. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { streamOfPartition } from '../../../src/adapters/rabbitmq/log-streams.ts';
import type { RabbitMessageLog, RabbitMessageLogSettings } from '../../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { ConnectionPool } from '../../../src/adapters/rabbitmq/stream/connection-pool.ts';
import { StreamConnection } from '../../../src/adapters/rabbitmq/stream/stream-connection.ts';
import { StreamDirectory } from '../../../src/adapters/rabbitmq/stream/stream-directory.ts';
import {
  encodeFrame,
  frameKey,
  list,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from '../../../src/adapters/rabbitmq/stream/stream-frames.ts';
import { declarePublisher } from '../../../src/adapters/rabbitmq/stream/stream-requests.ts';
import { StreamReading } from '../../../src/adapters/rabbitmq/stream-reading.ts';
import type { LogEntry, LogReading } from '../../../src/ports/message-log.ts';
import { rabbitAddresses } from './addresses.ts';
import { deleteLog, never, openTestLog, testDeps, testSettings } from './opening.ts';
import { openScriptedBroker, response } from './scripted-broker.ts';

const text = ({ batch }: LogEntry): string => Buffer.from(batch).toString();

const take = async (reading: LogReading, count: number): Promise<LogEntry[]> => {
  const taken: LogEntry[] = [];
  for await (const entries of reading.entries) {
    taken.push(...entries);
    if (taken.length >= count) break;
  }
  return taken;
};

interface Opened extends AsyncDisposable {
  readonly log: RabbitMessageLog;
  readonly settings: RabbitMessageLogSettings;
}

const open = async (url: string, over: Partial<RabbitMessageLogSettings> = {}): Promise<Opened> => {
  const settings = testSettings(url, over);
  const log = await openTestLog(settings);
  const dispose = async (): Promise<void> => {
    await log[Symbol.asyncDispose]();
    await deleteLog(settings);
  };
  return { log, settings, [Symbol.asyncDispose]: dispose };
};

describe.skipIf(rabbitAddresses === undefined)('rabbitmq message log', () => {
  const { stream: url = '' } = rabbitAddresses ?? {};

  test('refuses a layout other than the one it was created with', async () => {
    await using opened = await open(url);
    await using same = await openTestLog(opened.settings);
    expect(same.layout).toEqual({ partitions: 4, spread: 4 });
    const other = { ...opened.settings, layout: { partitions: 4, spread: 2 } };
    await expect(openTestLog(other)).rejects.toMatchObject({
      reason: 'STORE_MISMATCH',
      message: expect.stringContaining('created with {"partitions":4,"spread":4}') as string,
    });
  });

  test('is created once when several gateways open it at the same moment', async () => {
    const settings = testSettings(url);
    const logs = await Promise.all(Array.from({ length: 5 }, () => openTestLog(settings)));
    const [first] = logs;
    if (first === undefined) throw new Error('no log');
    await using reading = await first.read(0, 'end', { signal: never });
    await Promise.all(logs.map((log, index) => log.append(0, [Buffer.from(String(index))])));
    expect((await take(reading, 5)).map(text).toSorted()).toEqual(['0', '1', '2', '3', '4']);
    await Promise.all(logs.map((log) => log[Symbol.asyncDispose]()));
    await deleteLog(settings);
  });

  test('says who it talks to', async () => {
    await using opened = await open(url);
    expect(opened.log.broker).toMatchObject({ product: 'RabbitMQ', heartbeatMs: 10_000 });
  });

  test('has room for more readings than a connection takes, and uses their places again', async () => {
    await using opened = await open(url, { readConnections: 1 });
    const { log } = opened;
    const readings = await Promise.all(Array.from({ length: 450 }, () => log.read(1, 0n, { signal: never })));
    await log.append(1, [Buffer.from('to all')]);
    for (const reading of readings) expect((await take(reading, 1)).map(text)).toEqual(['to all']);
    await Promise.all(readings.map((reading) => reading[Symbol.asyncDispose]()));
    for (let round = 0; round < 300; round += 1) {
      await using reading = await log.read(1, 0n, { signal: never });
      expect((await take(reading, 1)).map(text)).toEqual(['to all']);
    }
  });

  test('a reading that nobody takes from holds no more than its credits allow', async () => {
    await using opened = await open(url, { readCredits: 2 });
    const { log } = opened;
    await using reading = await log.read(2, 'end', { signal: never });
    // Each append is a chunk of its own as it waits for the one before.
    for (let index = 0; index < 20; index += 1) await log.append(2, [Buffer.from(String(index))]);
    await using other = await log.read(2, reading.start, { signal: never });
    expect((await take(other, 20)).length).toBe(20);
    expect((await take(reading, 20)).map(text)).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
  });

  test('starts with the oldest entry where what was asked for is gone', async () => {
    const retention = { maxAgeMs: 3_600_000, maxBytes: 4_000_000, segmentBytes: 1_000_000 };
    await using opened = await open(url, { layout: { partitions: 1, spread: 1 }, retention });
    const { log } = opened;
    const body = Buffer.alloc(100_000, 'x');
    for (let index = 0; index < 200; index += 1) await log.append(0, [body]);
    await using reading = await log.read(0, 0n, { signal: never });
    expect(reading.start).toBe(0n);
    const [oldest] = await take(reading, 1);
    expect(oldest?.offset).toBeGreaterThan(100n);
  });

  test('passes on what other clients wrote, as the bytes it is', async () => {
    await using opened = await open(url);
    const { log, settings } = opened;
    await using reading = await log.read(0, 'end', { signal: never });
    const address = settings.addresses[0];
    const connection = await StreamConnection.open({ ...settings, address }, testDeps(), never);
    await connection.request(declarePublisher(9, '', streamOfPartition(settings.prefix, 0)));
    const amqp = Buffer.from('005370c00100005375a00568656c6c6f', 'hex');
    const otherSection = Buffer.from('005377a10576616c7565', 'hex');
    const entries = [Buffer.from('no AMQP at all'), Buffer.alloc(0), amqp, otherSection];
    const simple = entries.map((entry, index) => Buffer.concat([uint64(BigInt(index)), uint32(entry.length), entry]));
    connection.write([encodeFrame(frameKey.publish, [uint8(9), list(simple, (entry) => entry)])]);
    const records = Buffer.concat(['one', 'two'].flatMap((record) => [uint32(record.length), Buffer.from(record)]));
    const batch = [uint64(4n), uint8(0x80), uint16(2), uint32(records.length), uint32(records.length), records];
    connection.write([encodeFrame(frameKey.publish, [uint8(9), uint32(1), ...batch])]);
    await connection.close();
    await log.append(0, [Buffer.from('ours')]);
    const taken = await take(reading, 5);
    expect(taken.map(text)).toEqual(['no AMQP at all', '', 'hello', otherSection.toString(), 'ours']);
    const offsets = taken.map(({ offset }) => Number(offset - (taken[0]?.offset ?? 0n)));
    // The two records of the batch have offsets of their own.
    expect(offsets).toEqual([0, 1, 2, 3, 6]);
  });
});

describe('a stream directory', () => {
  const metadataOf = (port: number): readonly Buffer[] => [
    list([0], (index) => Buffer.concat([uint16(index), string('127.0.0.1'), uint32(port)])),
    list(['s'], (name) => Buffer.concat([string(name), uint16(1), uint16(0), list([0], uint16)])),
  ];

  test('uses the configured address where an advertised one leads nowhere, and says so once', async () => {
    await using broker = await openScriptedBroker(({ key, correlationId }) =>
      key === frameKey.metadata ? response(key, correlationId, metadataOf(1)) : undefined,
    );
    const settings = { ...testSettings('rabbitmq-stream://x'), addresses: [broker.address] as const };
    const deps = testDeps();
    const pool = new ConnectionPool(settings, deps);
    const directory = new StreamDirectory(pool, settings);
    const places = [
      await directory.publishing('s', 0),
      await directory.publishing('s', 1),
      await directory.reading('s', 0),
    ];
    for (const { connection } of places) expect(connection.broker.version).toBe('9.9.9');
    const said = deps.log.lines.filter(({ event }) => event.includes('advertises'));
    expect(said).toHaveLength(1);
    await pool.close();
  });

  test('tries one configured address after the other', async () => {
    await using broker = await openScriptedBroker(() => undefined);
    const gone = { ...broker.address, port: 1 };
    const settings = {
      ...testSettings('rabbitmq-stream://x'),
      addresses: [gone, broker.address] as const,
      followsAdvertised: false,
    };
    const pool = new ConnectionPool(settings, testDeps());
    expect((await pool.get('a', undefined)).isOpen).toBe(true);
    expect(await pool.get('a', undefined)).toBe(await pool.get('a', undefined));
    expect(await pool.get('b', undefined)).not.toBe(await pool.get('a', undefined));
    await pool.close();
    await expect(pool.get('c', undefined)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });
});

describe('a reading', () => {
  /** A user chunk of entries. */
  const chunkOf = (first: bigint, bodies: readonly string[]): Buffer => {
    const data = Buffer.concat(bodies.flatMap((body) => [uint32(body.length), Buffer.from(body)]));
    const head = Buffer.concat([
      Buffer.of(0x50, 0),
      uint16(bodies.length),
      uint32(bodies.length),
      Buffer.alloc(16),
      uint64(first),
      uint32(crc32(data)),
      uint32(data.length),
      Buffer.alloc(8),
    ]);
    return Buffer.concat([head, data]);
  };

  test('that is given a damaged chunk hands out what came before and throws', async () => {
    const damaged = chunkOf(1n, ['b']);
    damaged.writeUInt8(0, damaged.length - 1);
    const deliver = (chunk: Buffer): Buffer => encodeFrame(frameKey.deliver, [uint8(0), chunk]);
    await using broker = await openScriptedBroker(({ key, correlationId }) =>
      key === frameKey.subscribe
        ? Buffer.concat([response(key, correlationId, [uint16(1)]), deliver(chunkOf(0n, ['a'])), deliver(damaged)])
        : undefined,
    );
    const deps = testDeps();
    const settings = { ...testSettings('rabbitmq-stream://x'), address: broker.address };
    const connection = await StreamConnection.open(settings, deps, never);
    const subscriptionId = connection.subscriptions.reserve() ?? -1;
    const reading = await StreamReading.openAt(0n, {
      stream: 's',
      connection,
      subscriptionId,
      credits: 4,
      signal: never,
      log: deps.log,
    });
    const taken: string[] = [];
    const reason: unknown = await (async () => {
      for await (const entries of reading.entries) taken.push(...entries.map(text));
    })().catch((thrown: unknown) => thrown);
    expect(taken).toEqual(['a']);
    expect(reason).toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: 'stream s delivered a chunk that cannot be read: its checksum does not match',
    });
    expect(deps.log.lines.map(({ event }) => event)).toContain('rabbitmq delivered a chunk that cannot be read');
    await reading[Symbol.asyncDispose]();
    expect(connection.isOpen).toBe(true);
    expect(connection.subscriptions.size).toBe(0);
    await connection.close();
  });
});
