import { describe, expect, test } from 'vitest';
import { Pace } from './pace.ts';

const settings = { initialBackoffMs: 100, maxBackoffMs: 1000 };

describe('the pace of attempts', () => {
  test('is: the first at once, then pauses that double up to the maximum, with jitter', () => {
    const pace = new Pace({ ...settings, addresses: ['a'] });
    const delays = Array.from({ length: 8 }, () => pace.next());
    const most = [0, 100, 200, 400, 800, 1000, 1000, 1000];
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeLessThanOrEqual(most[index] ?? 0);
      expect(delay).toBeGreaterThanOrEqual((most[index] ?? 0) / 2);
    }
    expect(pace.attempt).toBe(8);
  });

  test('goes round all addresses before it pauses', () => {
    const pace = new Pace({ ...settings, addresses: ['a', 'b', 'c'] });
    expect(pace.address).toBe('a');
    const tried = Array.from({ length: 7 }, () => {
      const delay = pace.next();
      return `${pace.address}${delay === 0 ? '' : ' later'}`;
    });
    expect(tried).toEqual(['b', 'c', 'a', 'b later', 'c', 'a', 'b later']);
  });

  test('starts anew after a connection that held, and not after one that did not', () => {
    const pace = new Pace({ ...settings, addresses: ['a'] });
    for (let attempt = 0; attempt < 5; attempt += 1) pace.next();
    pace.connected(0);
    pace.lost(10);
    expect(pace.next()).toBeGreaterThan(0);
    pace.connected(100);
    pace.lost(60_100);
    expect(pace.next()).toBe(0);
    expect(pace.attempt).toBe(1);
  });
});
