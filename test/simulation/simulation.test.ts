/**
 * The simulation as a part of the tests: some of its seeds, and all of its planted bugs. Each run is the program that
 * `npm run sim` starts, so that what is found here can be replayed there.
 */
import { describe, expect, test } from 'vitest';
import type { Discovery, Tally } from './campaign.ts';
import { generate } from './generate.ts';
import { runJob } from './jobs.ts';
import { World } from './world.ts';

const seeds = 2000;
const seedsPerBug = 450;
const bugsFoundShare = 0.95;

const run = (seed: number) => new World(generate(seed), { bugs: {}, keepsTrace: true }).run();

describe('simulation', () => {
  test('a seed is the same run each time, to the last byte, in any process', async () => {
    const [one, other] = [await run(7), await run(7)];
    expect(one.trace.join('\n')).toBe(other.trace.join('\n'));
    expect(one.hash).toBe(other.hash);
    expect(one.hash).not.toBe((await run(8)).hash);
  });

  test(`keeps every promise in ${seeds} seeds`, { timeout: 600_000 }, async () => {
    const tally = (await runJob(['--seeds', `1..${seeds}`], 2)) as Tally;
    expect(tally.failures).toEqual([]);
    expect(tally.seeds).toBe(seeds);
    expect(tally.messages).toBeGreaterThan(seeds);
  });

  test('finds the planted bugs', { timeout: 600_000 }, async () => {
    const discoveries = (await runJob(['--mutation', 'all', '--seeds', `1..${seedsPerBug}`], 2)) as Discovery[];
    const missed = discoveries.filter(({ after }) => after === undefined).map(({ mutation }) => mutation);
    expect(discoveries.length).toBeGreaterThanOrEqual(20);
    expect(missed.length, `not found: ${missed.join(', ')}`).toBeLessThanOrEqual(
      (1 - bugsFoundShare) * discoveries.length,
    );
  });
});
