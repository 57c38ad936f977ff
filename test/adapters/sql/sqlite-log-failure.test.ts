import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { createTestDirectory, type TestDirectory } from './directory.ts';
import { append, never, openLog, take, takeAll, textOf } from './open-log.ts';

const mebibyte = 1024 * 1024;

describe('what the SQLite message log refuses to open', () => {
  test('a log with another layout', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    await (await openLog(path))[Symbol.asyncDispose]();
    await expect(openLog(path, { layout: { partitions: 8, spread: 2 } })).rejects.toMatchObject({
      reason: 'STORE_MISMATCH',
      message:
        `the message log in ${path} was created with 4 partitions and spread 4, but the configuration says ` +
        '8 partitions and spread 2: set it back, or begin an empty log in another data directory',
    });
    await using log = await openLog(path);
    await append(log, 0, 'as before');
  });

  test("another program's database", async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    const other = new DatabaseSync(path);
    other.exec('create table theirs (a)');
    other.close();
    await expect(openLog(path)).rejects.toMatchObject({ reason: 'STORE_MISMATCH' });
  });

  test('a file that is no database', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    writeFileSync(path, 'no database at all, but some text that is long enough to be taken for a header\n'.repeat(100));
    await expect(openLog(path)).rejects.toMatchObject({
      reason: 'STORE_MISMATCH',
      message: expect.stringContaining('is not a database'),
    });
  });

  test('a place where no file can be', async () => {
    using directory = createTestDirectory();
    writeFileSync(directory.file('file'), '');
    await expect(openLog(directory.file('file/log.db'))).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
    mkdirSync(directory.file('folder'));
    await expect(openLog(directory.file('folder'))).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  });

  test('a log this process has open already, which goes on', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    await using log = await openLog(path);
    await expect(openLog(path)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await append(log, 0, 'still here');
  });
});

describe('when the disk fails the SQLite message log', () => {
  test('a damaged file ends readings and appends with what to do', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    {
      await using log = await openLog(path);
      for (let number = 0; number < 40; number += 1) await log.append(0, [Buffer.alloc(256 * 1024, number + 1)]);
    }
    overwriteMiddle(path);
    const log = await openLog(path);
    await using live = await log.read(1, 'end', { signal: never });
    const damaged = { reason: 'STORE_UNAVAILABLE', message: expect.stringContaining(`${path} is damaged`) };
    await expect(takeAll(log, 0)).rejects.toMatchObject(damaged);
    await expect(take(live, 1)).rejects.toMatchObject(damaged);
    await expect(append(log, 0, 'x')).rejects.toMatchObject(damaged);
    await log[Symbol.asyncDispose]();
  });

  test('the death of its thread ends readings and appends', async () => {
    using directory = createTestDirectory();
    const started = once(process, 'worker');
    const log = await openLog(directory.file('log.db'));
    const [thread]: Worker[] = await started;
    await append(log, 0, 'before');
    await using live = await log.read(0, 'end', { signal: never });
    await using behind = await log.read(0, 0n, { signal: never });
    const gone = {
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('thread of the message log has ended'),
    };
    await Promise.all([expect(take(live, 1)).rejects.toMatchObject(gone), thread?.terminate()]);
    await expect(take(behind, 1)).rejects.toMatchObject(gone);
    await expect(append(log, 0, 'after')).rejects.toMatchObject(gone);
    await log[Symbol.asyncDispose]();
    await using again = await openLog(directory.file('log.db'));
    expect((await takeAll(again, 0)).map(textOf)).toEqual(['before']);
  });

  test('a truncated file is noticed', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    {
      await using log = await openLog(path);
      for (let number = 0; number < 40; number += 1) await log.append(0, [Buffer.alloc(256 * 1024, number + 1)]);
    }
    truncateSync(path, statSync(path).size - mebibyte);
    const readAll = async (): Promise<void> => {
      await using log = await openLog(path);
      await takeAll(log, 0);
    };
    await expect(readAll()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });

  test.skipIf(!canMount())('a full disk refuses appends until there is space, and loses nothing', async () => {
    using disk = mountSmallDisk();
    const path = disk.file('log.db');
    writeFileSync(disk.file('filler'), Buffer.alloc(4 * mebibyte));
    await using log = await openLog(path);
    const accepted: string[] = [];
    const refusals: unknown[] = [];
    for (let number = 0; refusals.length === 0; number += 1)
      await append(log, 0, `${number} ${'x'.repeat(100_000)}`).then(
        () => accepted.push(String(number)),
        (refusal: unknown) => refusals.push(refusal),
      );
    expect(refusals).toMatchObject([
      { reason: 'STORE_UNAVAILABLE', message: expect.stringContaining('the disk is full') },
    ]);
    rmSync(disk.file('filler'));
    await append(log, 0, 'again');
    const texts = (await takeAll(log, 0)).map((entry) => textOf(entry).split(' ')[0]);
    expect(texts).toEqual([...accepted, 'again']);
  });
});

/** Where it hits the entries in the middle; the oldest and the newest, which are looked at first, stay whole. */
const overwriteMiddle = (path: string): void => {
  const { size } = statSync(path);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(mebibyte, 0xff), 0, mebibyte, Math.floor(size / 2));
  closeSync(file);
};

/** A file system of 8 MiB in memory, so that filling it harms nobody. */
function mountSmallDisk(): TestDirectory {
  const directory = createTestDirectory();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory.path], { stdio: 'ignore' });
  return {
    ...directory,
    [Symbol.dispose]: () => {
      execFileSync('/bin/umount', ['-l', directory.path], { stdio: 'ignore' });
      directory[Symbol.dispose]();
    },
  };
}

function canMount(): boolean {
  try {
    mountSmallDisk()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
