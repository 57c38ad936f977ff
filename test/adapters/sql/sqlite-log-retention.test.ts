import { statSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { createTestDirectory } from './directory.ts';
import { HandClock } from './hand-clock.ts';
import { append, never, openLog, take, takeAll, textOf } from './open-log.ts';

const hourMs = 3_600_000;
const mebibyte = 1024 * 1024;

describe('retention of the SQLite message log', () => {
  test('lets go what is older than its age, and no offset comes twice', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    const clock = new HandClock();
    const retention = { ageMs: 10 * hourMs, bytes: 1024 * mebibyte };
    {
      await using log = await openLog(path, { clock, retention });
      for (let number = 0; number < 3000; number += 1) void append(log, 0, `old ${number}`);
      await append(log, 1, 'old');
      clock.advance(6 * hourMs);
      await append(log, 0, 'new');
      clock.advance(6 * hourMs);
      await vi.waitFor(async () => expect((await takeAll(log, 0)).filter(isOld)).toEqual([]), 10_000);
      const [newest] = (await takeAll(log, 0)).filter((entry) => textOf(entry) === 'new');
      expect(newest?.offset).toBe(3000n);
      clock.advance(20 * hourMs);
      await vi.waitFor(async () => expect(await takeAll(log, 1)).toEqual([]), 10_000);
    }
    await using log = await openLog(path, { clock, retention });
    await using reading = await log.read(1, 'end', { signal: never });
    expect(reading.start).toBeGreaterThan(1n);
    await using old = await log.read(0, 0n, { signal: never });
    const latest = 'after all';
    await append(log, 0, latest);
    expect((await take(old, 1)).map(textOf)).not.toContain('old 0');
  });

  test('lets the oldest go beyond its bytes, and the file stops growing', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    const clock = new HandClock();
    const bytes = 8 * mebibyte;
    await using log = await openLog(path, { clock, retention: { ageMs: hourMs, bytes } });
    const body = Buffer.alloc(64 * 1024, 1);
    const sizes: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      await Promise.all(Array.from({ length: 128 }, (_, index) => log.append(index % 4, [body])));
      clock.advance(1000);
      await vi.waitFor(async () => expect(await keptBytes(log)).toBeLessThanOrEqual(bytes), 10_000);
      sizes.push(statSync(path).size);
    }
    expect(await keptBytes(log)).toBeGreaterThan(bytes / 2);
    expect(Math.max(...sizes)).toBeLessThan(bytes * 3);
    expect(sizes.at(-1)).toBeLessThan((sizes[2] ?? 0) * 1.2);
  });

  test('the file becomes smaller when much of it is free', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    const clock = new HandClock();
    await using log = await openLog(path, { clock, retention: { ageMs: hourMs, bytes: 1024 * mebibyte } });
    const body = Buffer.alloc(mebibyte, 1);
    for (let round = 0; round < 200; round += 1) await log.append(round % 4, [body]);
    clock.advance(2 * hourMs);
    const pages = async (): Promise<number> => {
      await append(log, 0, 'moves the file on');
      return statSync(path).size;
    };
    await vi.waitFor(async () => expect(await pages()).toBeLessThan(100 * mebibyte), 20_000);
  });

  test('appends are not held up while much is let go', async () => {
    using directory = createTestDirectory();
    const clock = new HandClock();
    await using log = await openLog(directory.file('log.db'), {
      clock,
      retention: { ageMs: hourMs, bytes: 1024 * mebibyte },
    });
    for (let round = 0; round < 50; round += 1)
      await Promise.all(Array.from({ length: 1000 }, () => append(log, 0, 'x'.repeat(300))));
    clock.advance(2 * hourMs);
    const [before] = await firstOf(log);
    let appends = 0;
    for (let first = before; first !== undefined && first < 50_000n; [first] = await firstOf(log)) {
      await append(log, 0, 'beside');
      appends += 1;
    }
    expect(appends).toBeGreaterThan(5);
  });
});

type Log = Awaited<ReturnType<typeof openLog>>;

const isOld = (entry: Parameters<typeof textOf>[0]): boolean => textOf(entry).startsWith('old');

const keptBytes = async (log: Log): Promise<number> => {
  let bytes = 0;
  for (let partition = 0; partition < 4; partition += 1)
    for (const { batch } of await takeAll(log, partition)) bytes += batch.byteLength;
  return bytes;
};

/** The offset of the oldest entry there is. */
const firstOf = async (log: Log): Promise<readonly bigint[]> => {
  await using reading = await log.read(0, 0n, { signal: never });
  return (await take(reading, 1)).slice(0, 1).map(({ offset }) => offset);
};
