/** What becomes of appends and readings when the network between us and the broker fails in every way. */
import { describe, expect, test } from 'vitest';
import type { RabbitMessageLogSettings } from '../../../src/adapters/rabbitmq/rabbit-message-log.ts';
import { parseBrokerAddress } from '../../../src/adapters/rabbitmq/stream/broker-address.ts';
import { FabricError } from '../../../src/model/error.ts';
import type { LogEntry, LogReading, MessageLog } from '../../../src/ports/message-log.ts';
import { rabbitAddresses } from './addresses.ts';
import { deleteLog, never, openTestLog, testDeps, testSettings } from './opening.ts';
import { TcpProxy } from './tcp-proxy.ts';

const text = ({ batch }: LogEntry): string => Buffer.from(batch).toString();

/** Everything in a partition up to a last entry that is appended for it. */
const contents = async (log: MessageLog, partition: number): Promise<string[]> => {
  const last = `last ${Math.random()}`;
  await log.append(partition, [Buffer.from(last)]);
  await using reading = await log.read(partition, 0n, { signal: never });
  const all: string[] = [];
  for await (const entries of reading.entries) {
    all.push(...entries.map(text));
    if (all.at(-1) === last) break;
  }
  return all.slice(0, -1);
};

interface Opened extends AsyncDisposable {
  readonly log: MessageLog;
  readonly proxy: TcpProxy;
  readonly lines: () => readonly string[];
}

const openThroughProxy = async (url: string, over: Partial<RabbitMessageLogSettings> = {}): Promise<Opened> => {
  const address = parseBrokerAddress(url);
  const proxy = await TcpProxy.open(address);
  const settings = testSettings(url, {
    addresses: [{ ...address, port: proxy.port }],
    followsAdvertised: false,
    publishConnections: 2,
    requestTimeoutMs: 1000,
    connectTimeoutMs: 2000,
    ...over,
  });
  const deps = testDeps();
  const log = await openTestLog(settings, deps);
  const dispose = async (): Promise<void> => {
    await log[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await deleteLog({ ...settings, addresses: [address] });
  };
  return { log, proxy, lines: () => deps.log.lines.map(({ event }) => event), [Symbol.asyncDispose]: dispose };
};

/** Appends numbers to each partition, some at a time, and calls `after` with each count of confirmed ones. */
const appendNumbers = async (
  log: MessageLog,
  {
    count,
    partitions,
    window,
    after,
  }: { count: number; partitions: number; window: number; after: (n: number) => void },
): Promise<void> => {
  let confirmed = 0;
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < count) {
          const body = Buffer.alloc(200 + (next % 7) * 500, '.');
          body.write(`${next} `);
          next += 1;
          await log.append(partition, [body]);
          after((confirmed += 1));
        }
      };
      await Promise.all(Array.from({ length: window }, worker));
    }),
  );
};

const expectNumbers = async (log: MessageLog, partition: number, count: number): Promise<void> => {
  const numbers = (await contents(log, partition)).map((body) => Number(body.split(' ')[0]));
  expect(numbers).toEqual(Array.from({ length: count }, (_, number) => number));
};

describe.skipIf(rabbitAddresses === undefined)('rabbitmq message log when the network fails', () => {
  const { stream: url = '' } = rabbitAddresses ?? {};

  test('appends in flight when connections are cut are there once and in order', async () => {
    await using opened = await openThroughProxy(url);
    let cuts = 0;
    const after = (confirmed: number): void => {
      if (confirmed % 1000 !== 0) return;
      opened.proxy.cut();
      cuts += 1;
    };
    await appendNumbers(opened.log, { count: 4000, partitions: 4, window: 64, after });
    expect(cuts).toBe(16);
    for (const partition of [0, 1, 2, 3]) await expectNumbers(opened.log, partition, 4000);
  });

  test('so are those whose confirms were lost', async () => {
    await using opened = await openThroughProxy(url);
    const { proxy } = opened;
    const after = (confirmed: number): void => {
      if (confirmed % 1000 !== 500) return;
      proxy.treat('down', { is: 'swallowing' }, { onlyOpen: true });
      setTimeout(() => proxy.cut(), 30);
    };
    await appendNumbers(opened.log, { count: 2000, partitions: 4, window: 64, after });
    for (const partition of [0, 1, 2, 3]) await expectNumbers(opened.log, partition, 2000);
  });

  test('so are those of which only a part reached the broker', async () => {
    await using opened = await openThroughProxy(url);
    const { proxy } = opened;
    const after = (confirmed: number): void => {
      if (confirmed % 1000 !== 500) return;
      proxy.treat('up', { is: 'swallowing' }, { onlyOpen: true });
      setTimeout(() => proxy.cut(), 20);
    };
    await appendNumbers(opened.log, { count: 2000, partitions: 4, window: 64, after });
    for (const partition of [0, 1, 2, 3]) await expectNumbers(opened.log, partition, 2000);
  });

  test('a slow network only slows', async () => {
    await using opened = await openThroughProxy(url);
    for (const direction of ['up', 'down'] as const) opened.proxy.treat(direction, { is: 'delaying', ms: 15 });
    await appendNumbers(opened.log, { count: 500, partitions: 4, window: 32, after: () => undefined });
    for (const partition of [0, 1, 2, 3]) await expectNumbers(opened.log, partition, 500);
  });

  test('a large entry cut in its midst is there once', async () => {
    await using opened = await openThroughProxy(url);
    const large = Buffer.alloc(1024 * 1024, 'x');
    const appends = Array.from({ length: 8 }, (_, index) => opened.log.append(0, [Buffer.from(`${index} `), large]));
    opened.proxy.cut();
    await Promise.all(appends);
    await expectNumbers(opened.log, 0, 8);
  });

  test('while the broker is away appends wait, then all are rejected, and later ones pass', async () => {
    await using opened = await openThroughProxy(url, { publishTimeoutMs: 700 });
    const { log, proxy } = opened;
    await log.append(0, [Buffer.from('first')]);
    proxy.isDown = true;
    proxy.cut();
    const results = await Promise.allSettled([log.append(0, [Buffer.from('a')]), log.append(0, [Buffer.from('b')])]);
    for (const result of results) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      expect(reason).toBeInstanceOf(FabricError);
      expect(reason).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    }
    proxy.isDown = false;
    await log.append(0, [Buffer.from('later')]);
    expect(await contents(log, 0)).toEqual(['first', 'later']);
  });

  test('an outage shorter than the timeout is hidden', async () => {
    await using opened = await openThroughProxy(url, { publishTimeoutMs: 5000 });
    const { log, proxy } = opened;
    proxy.isDown = true;
    proxy.cut();
    const append = log.append(1, [Buffer.from('waits')]);
    setTimeout(() => (proxy.isDown = false), 500);
    await append;
    expect(await contents(log, 1)).toEqual(['waits']);
  });

  test('a broker that takes and never confirms is given up', async () => {
    await using opened = await openThroughProxy(url, { publishTimeoutMs: 500 });
    const { log, proxy } = opened;
    await log.append(0, [Buffer.from('first')]);
    proxy.treat('down', { is: 'swallowing' }, { onlyOpen: true });
    await expect(log.append(0, [Buffer.from('unknown')])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await log.append(0, [Buffer.from('later')]);
    const all = await contents(log, 0);
    expect(all.filter((body) => body !== 'unknown')).toEqual(['first', 'later']);
    expect(all.at(-1)).toBe('later');
  });

  test('what was given up does not come in behind what was appended after it', async () => {
    await using opened = await openThroughProxy(url, { publishTimeoutMs: 500 });
    const { log, proxy } = opened;
    await log.append(0, [Buffer.from('first')]);
    proxy.treat('up', { is: 'holding' }, { onlyOpen: true });
    await expect(log.append(0, [Buffer.from('given up')])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await log.append(0, [Buffer.from('later')]);
    // Only now the bytes of the first attempt arrive at the broker.
    proxy.release('up');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await log.append(0, [Buffer.from('last')]);
    expect(await contents(log, 0)).toEqual(['first', 'later', 'last']);
  });

  test('a reading whose connection is cut throws, and one opened at its next offset goes on', async () => {
    await using opened = await openThroughProxy(url);
    const { log, proxy } = opened;
    const seen: LogEntry[] = [];
    await using first = await log.read(2, 'end', { signal: never });
    let next = first.start;
    /** Reads until the reading breaks, which is when it waits for more: everything seen is then cut off. */
    const readOn = async (reading: LogReading, count: number): Promise<unknown> => {
      try {
        for await (const entries of reading.entries) {
          seen.push(...entries);
          next = (entries.at(-1)?.offset ?? next) + 1n;
          if (seen.length === count) proxy.cut();
        }
        return undefined;
      } catch (reason) {
        return reason;
      }
    };
    const bodies = Array.from({ length: 300 }, (_, index) => `r${index}`);
    for (const round of [0, 1, 2]) {
      await using reading = round === 0 ? first : await log.read(2, next, { signal: never });
      const reason = readOn(reading, (round + 1) * 100);
      const appends = bodies.slice(round * 100, (round + 1) * 100).map((body) => log.append(2, [Buffer.from(body)]));
      expect(await reason).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
      await Promise.all(appends);
    }
    expect(seen.map(text)).toEqual(bodies);
    expect(new Set(seen.map(({ offset }) => offset)).size).toBe(300);
  });

  test('opening a reading is tried again while the broker is away, and can be aborted', async () => {
    await using opened = await openThroughProxy(url, { openTimeoutMs: 5000 });
    const { log, proxy } = opened;
    await log.append(0, [Buffer.from('x')]);
    proxy.isDown = true;
    proxy.cut();
    const aborting = new AbortController();
    const aborted = log.read(1, 'end', { signal: aborting.signal });
    const opening = log.read(0, 0n, { signal: never });
    aborting.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    setTimeout(() => (proxy.isDown = false), 300);
    await using reading = await opening;
    for await (const [entry] of reading.entries) {
      expect(entry === undefined ? undefined : text(entry)).toBe('x');
      break;
    }
  });

  test('more than may be outstanding is refused at once', async () => {
    await using opened = await openThroughProxy(url, { outstandingBytesMax: 1000, publishTimeoutMs: 500 });
    const { log, proxy } = opened;
    proxy.isDown = true;
    proxy.cut();
    const waiting = log.append(0, [Buffer.alloc(800)]);
    await expect(log.append(1, [Buffer.alloc(300)])).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('too much is waiting') as string,
    });
    await expect(waiting).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    proxy.isDown = false;
    await log.append(1, [Buffer.alloc(2000)]);
  });
});
