import { describe, expect, test } from 'vitest';
import { SqliteState } from '../../../src/adapters/sql/sqlite-state.ts';
import { createTestDirectory } from './directory.ts';
import { Program } from './program.ts';

const kills = 8;
const owner = 'ag::w::i::s';

/** The last number acknowledged in each lane. */
const lastOf = (lines: readonly string[], kind: string): ReadonlyMap<string, number> =>
  new Map(
    lines.flatMap((line) => {
      const [printed, lane = '', number] = line.split(' ');
      return printed === kind ? [[lane, Number(number)] as const] : [];
    }),
  );

const counterOf = async ({ kvStore }: SqliteState, lane: string): Promise<number> => {
  const reply = await kvStore.run({ kind: 'get', place: { space: { owner, name: 'kv' }, key: `lane ${lane}` } });
  return reply.refused === undefined ? Number(Buffer.from(reply.value ?? []).toString()) : Number.NaN;
};

const savedOf = async ({ checkpointStore }: SqliteState, lane: string): Promise<number> =>
  Number(Buffer.from((await checkpointStore.load(owner, `lane ${lane}`))?.data ?? []).toString());

describe('a process killed while it writes keys and checkpoints', () => {
  test(`keeps everything acknowledged, ${kills} times over`, async () => {
    using directory = createTestDirectory();
    const path = directory.file('state.db');
    for (let kill = 0; kill < kills; kill += 1) {
      const program = new Program('write-state', [path, String(kill + 1)]);
      await program.printed(/^checkpoint 7 /);
      await program.kill();
      await using state = await SqliteState.open({ path });
      // At most the one that was under way is ahead of what was acknowledged.
      for (const [lane, number] of lastOf(program.lines, 'kv'))
        expect([number, number + 1]).toContain(await counterOf(state, lane));
      for (const [lane, number] of lastOf(program.lines, 'checkpoint'))
        expect([number, number + 1]).toContain(await savedOf(state, lane));
      expect(await state.kvStore.open(owner, BigInt(kill))).toBe(false);
    }
  });
});

describe('two processes on one file', () => {
  test('the second is refused and told why, until the first is gone', async () => {
    using directory = createTestDirectory();
    const path = directory.file('state.db');
    await using program = new Program('write-state', [path, '1']);
    await program.printed(/^kv/);
    await expect(SqliteState.open({ path })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`${path} is in use by another process`),
    });
    await program.kill();
    await using state = await SqliteState.open({ path });
    expect(state.failure).toBeUndefined();
  });

  test('what was asked before the closing is answered, and nothing after', async () => {
    using directory = createTestDirectory();
    const state = await SqliteState.open({ path: directory.file('state.db') });
    const place = { space: { owner, name: 'kv' }, key: 'k' };
    const asked = state.kvStore.run({ kind: 'get', place });
    await state[Symbol.asyncDispose]();
    expect(await asked).toMatchObject({ applied: false });
    await expect(state.kvStore.run({ kind: 'get', place })).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });
});
