import { expect, test } from 'vitest';
import { TurnEnd } from './turn-end.ts';

const createTurns = () => {
  const scheduled: (() => void)[] = [];
  const turnEnd = new TurnEnd({
    schedule: (ms, run) => {
      expect(ms).toBe(0);
      scheduled.push(run);
      return { cancel: () => undefined };
    },
  });
  return { turnEnd, scheduled };
};

test('tasks of a turn run together, each once, in the order in which they were added', () => {
  const { turnEnd, scheduled } = createTurns();
  const ran: string[] = [];
  const [one, other] = [() => ran.push('one'), () => ran.push('other')] as const;
  for (const task of [one, other, one]) turnEnd.add(task);
  expect([ran, scheduled.length]).toEqual([[], 1]);
  scheduled.shift()?.();
  expect(ran).toEqual(['one', 'other']);
});

test('a task that is added while others run belongs to the next turn', () => {
  const { turnEnd, scheduled } = createTurns();
  let runs = 0;
  const again = (): void => {
    runs += 1;
    if (runs < 3) turnEnd.add(again);
  };
  turnEnd.add(again);
  for (const count of [1, 2, 3]) {
    scheduled.shift()?.();
    expect(runs).toBe(count);
  }
  expect(scheduled).toEqual([]);
});
