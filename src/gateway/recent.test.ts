import { describe, expect, test } from 'vitest';
import { Recent } from './recent.ts';

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);

describe('what was used lately', () => {
  test('finds again whatever goes round within a generation, though others came once in between', () => {
    const recent = new Recent<string>(20);
    const rounds = names(9);
    for (const name of rounds) recent.set(name, name);
    for (let round = 0; round < 50; round += 1) {
      recent.set(`once ${round}`, 'once');
      for (const name of rounds) expect(recent.get(name)).toBe(name);
    }
  });

  test('forgets what was not used for two generations, and holds no more', () => {
    const recent = new Recent<string>(20);
    for (const name of names(100)) recent.set(name, name);
    const kept = names(100).filter((name) => recent.get(name) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(kept).toContain('n99');
    expect(kept).not.toContain('n79');
  });

  test('a name has the value it was given last', () => {
    const recent = new Recent<string>(4);
    recent.set('a', 'one');
    for (const name of names(2)) recent.set(name, name);
    recent.set('a', 'two');
    expect(recent.get('a')).toBe('two');
    recent.clear();
    expect(recent.get('a')).toBeUndefined();
  });
});
