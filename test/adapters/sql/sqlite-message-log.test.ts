import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { LogEntry } from '../../../src/ports/message-log.ts';
import { createTestDirectory } from './directory.ts';
import { append, never, openLog, take, takeAll, textOf } from './open-log.ts';

const mebibyte = 1024 * 1024;

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => String(from + index));

describe('the SQLite message log', () => {
  test('goes on counting where it stopped, in each partition', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    for (let run = 0; run < 3; run += 1) {
      await using log = await openLog(path);
      await using reading = await log.read(1, 'end', { signal: never });
      expect(reading.start).toBe(BigInt(run * 2));
      await append(log, 1, `a${run}`);
      await append(log, 1, `b${run}`);
      if (run === 2) await append(log, 2, 'other');
      expect((await take(reading, 2)).map(({ offset }) => offset)).toEqual([BigInt(run * 2), BigInt(run * 2 + 1)]);
    }
    await using log = await openLog(path);
    expect((await takeAll(log, 1)).map(textOf)).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect((await takeAll(log, 2)).map(({ offset }) => offset)).toEqual([0n]);
  });

  test('commits what is under way when it is closed, and takes nothing after', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    const log = await openLog(path);
    const appends = numbers(3000).map((text) => append(log, 0, text));
    await log[Symbol.asyncDispose]();
    await Promise.all(appends);
    await expect(append(log, 0, 'late')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await using again = await openLog(path);
    expect((await takeAll(again, 0)).map(textOf)).toEqual(numbers(3000));
  });

  test('leaves the memory it was given alone and hands that very memory to live readings', async () => {
    using directory = createTestDirectory();
    await using log = await openLog(directory.file('log.db'));
    await using reading = await log.read(0, 'end', { signal: never });
    const pooled = Buffer.from('small');
    const large = Buffer.alloc(100_000, 7);
    await Promise.all([log.append(0, [pooled]), log.append(0, [large])]);
    const [first, second] = await take(reading, 2);
    expect(first?.batch).toBe(pooled);
    expect(second?.batch).toBe(large);
    expect([pooled.toString(), large.byteLength]).toEqual(['small', 100_000]);
  });

  test('keeps entries without a byte', async () => {
    using directory = createTestDirectory();
    await using log = await openLog(directory.file('log.db'));
    await log.append(0, []);
    await log.append(0, [Buffer.alloc(0), Buffer.from('x')]);
    expect((await takeAll(log, 0)).map(textOf)).toEqual(['', 'x']);
  });

  test('readings from anywhere meet the live end without gap or duplicate while appends go on', async () => {
    using directory = createTestDirectory();
    await using log = await openLog(directory.file('log.db'));
    const count = 20_000;
    const readFrom = async (from: number): Promise<readonly string[]> => {
      await using reading = await log.read(0, BigInt(from), { signal: never });
      return (await take(reading, count - from)).map(textOf);
    };
    const appends: Promise<void>[] = [];
    const readings: Promise<void>[] = [];
    for (let number = 0; number < count; number += 1) {
      appends.push(append(log, 0, String(number)));
      if (number % 500 !== 0) continue;
      const from = Math.floor(number * Math.random());
      readings.push(readFrom(from).then((texts) => expect(texts).toEqual(numbers(count - from, from))));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([...appends, ...readings]);
  });

  test('a reading that stands still does not hold in memory what is appended meanwhile', async () => {
    using directory = createTestDirectory();
    await using log = await openLog(directory.file('log.db'));
    await using reading = await log.read(0, 'end', { signal: never });
    const count = 2000;
    const before = heldBytes();
    for (let done = 0; done < count; done += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => log.append(0, [numbered(done + index, 64 * 1024)])));
    await isFreed(before);
    const seen: number[] = [];
    for await (const entries of reading.entries) {
      seen.push(...entries.map(numberOf));
      if (seen.length >= count) break;
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, number) => number));
    await isFreed(before);
  });

  test('an offset beyond all entries is waited for', async () => {
    using directory = createTestDirectory();
    await using log = await openLog(directory.file('log.db'));
    await using reading = await log.read(0, 3n, { signal: never });
    const taken = take(reading, 1);
    for (const text of numbers(4)) await append(log, 0, text);
    expect((await taken).map(textOf)).toEqual(['3']);
  });

  test('its directory and files are for their owner only', async () => {
    using directory = createTestDirectory();
    const path = join(directory.path, 'data', 'fabric', 'log.db');
    await using log = await openLog(path);
    await append(log, 0, 'x');
    expect(existsSync(`${path}-wal`)).toBe(true);
    for (const file of [path, `${path}-wal`]) expect(modeOf(file)).toBe(0o600);
    for (const folder of ['data', 'data/fabric']) expect(modeOf(directory.file(folder))).toBe(0o700);
  });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

const numbered = (number: number, bytes: number): Buffer => {
  const body = Buffer.alloc(bytes);
  body.writeUInt32BE(number);
  return body;
};

const numberOf = ({ batch }: LogEntry): number => Buffer.from(batch.buffer, batch.byteOffset, 4).readUInt32BE();

/** Bytes of all buffers that somebody still refers to. */
/** What was let go is given back by a thread of V8's, in its own time. */
const isFreed = async (before: number): Promise<void> => {
  for (let tries = 0; heldBytes() - before >= 16 * mebibyte; tries += 1) {
    if (tries === 100) expect(heldBytes() - before).toBeLessThan(16 * mebibyte);
    await nextTurn();
  }
};

const heldBytes = (): number => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().arrayBuffers;
};
