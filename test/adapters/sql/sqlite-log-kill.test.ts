import { describe, expect, test } from 'vitest';
import type { MessageLog } from '../../../src/ports/message-log.ts';
import { createTestDirectory } from './directory.ts';
import { append, openLog, takeAll, testLayout, textOf } from './open-log.ts';
import { Program } from './program.ts';

const kills = 20;
const runsMsMax = 150;

const textsOf = async (log: MessageLog): Promise<ReadonlyMap<number, readonly string[]>> => {
  const texts = new Map<number, readonly string[]>();
  for (let partition = 0; partition < testLayout.partitions; partition += 1) {
    const entries = await takeAll(log, partition);
    const offsets = entries.map(({ offset }) => Number(offset));
    expect(offsets).toEqual(offsets.map((_, index) => index));
    texts.set(partition, entries.map(textOf));
  }
  return texts;
};

/** What `name` had in a partition: its numbers from 0 on without a gap, at least up to the last acknowledged one. */
const expectKept = (texts: readonly string[], acknowledged: readonly string[], start: string): void => {
  const kept = texts.filter((text) => text.startsWith(start));
  expect(kept).toEqual(kept.map((_, number) => `${start}${number}`));
  expect(kept).toEqual(expect.arrayContaining(acknowledged.filter((text) => text.startsWith(start))));
};

describe('a process killed while it appends', () => {
  test(`keeps everything acknowledged, in order, ${kills} times over`, async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    let acknowledged = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const program = new Program('append', [path, `run${kill}`]);
      await program.printed(/^run/);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * runsMsMax));
      await program.kill();
      acknowledged += program.lines.length - 1;
      await using log = await openLog(path);
      for (const [partition, texts] of await textsOf(log)) expectKept(texts, program.lines, `run${kill} ${partition} `);
    }
    expect(acknowledged).toBeGreaterThan(kills * testLayout.partitions);
  }, 120_000);
});

describe('two processes on one file', () => {
  test('the second is refused and told why, until the first is gone', async () => {
    using directory = createTestDirectory();
    const path = directory.file('log.db');
    await using program = new Program('append', [path, 'first']);
    await program.printed(/^open$/);
    await expect(openLog(path)).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`${path} is in use by another process`),
    });
    await program.kill();
    await using log = await openLog(path);
    await append(log, 0, 'ours');
  });
});
