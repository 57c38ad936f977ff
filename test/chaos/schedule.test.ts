import { describe, expect, test } from 'vitest';
import { type Kind, type Step, stepsOf } from './schedule.ts';

const kinds: readonly Kind[] = [
  { kind: 'kill', track: 'gateways', targets: ['g1', 'g2'], lastsMs: [0, 100], weight: 2 },
  { kind: 'pause', track: 'gateways', targets: ['g1', 'g2'], lastsMs: [3000, 5000] },
  { kind: 'wipe', track: 'services', targets: ['redis'], lastsMs: [0, 0] },
];

const first = (count: number, seed: number, track: Kind['track'] = 'gateways'): Step[] => {
  const steps: Step[] = [];
  for (const step of stepsOf({ seed, kinds, quietMs: [10, 20] }, track)) {
    if (steps.length === count) break;
    steps.push(step);
  }
  return steps;
};

describe('a schedule', () => {
  test('is determined by its seed', () => {
    expect(first(50, 7)).toEqual(first(50, 7));
    expect(first(50, 7)).not.toEqual(first(50, 8));
  });

  test('has every kind as often as it weighs before any comes again, within its bounds', () => {
    const steps = first(30, 3);
    for (let round = 0; round < 30; round += 3) {
      const names = steps.slice(round, round + 3).map(({ kind }) => kind);
      expect(names.toSorted()).toEqual(['kill', 'kill', 'pause']);
    }
    for (const { kind, lastsMs, afterMs, target } of steps) {
      expect(lastsMs).toBeGreaterThanOrEqual(kind === 'kill' ? 0 : 3000);
      expect(lastsMs).toBeLessThanOrEqual(kind === 'kill' ? 100 : 5000);
      expect(afterMs).toBeGreaterThanOrEqual(10);
      expect(['g1', 'g2']).toContain(target);
    }
  });

  test('keeps to its track, and is empty where nothing is on it', () => {
    expect(new Set(first(5, 1, 'services').map(({ kind }) => kind))).toEqual(new Set(['wipe']));
    expect(first(5, 1, 'clients')).toEqual([]);
  });
});
