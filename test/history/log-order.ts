/**
 * Sessions of a sender as the log tells of them, exactly and without a clock: in each partition, all of one session lies
 * before all of the next (I1).
 */
import type { Logged } from './event.ts';
import type { History } from './history.ts';
import type { Violation } from './violation.ts';

export const findMisplaced = ({ logged }: History): Violation[] => {
  const lines = Map.groupBy(logged, ({ who, partition }) => `${partition} ${who}`);
  return [...lines.values()].flatMap((line) => misplacedIn(line.toSorted(byEpoch)));
};

const byEpoch = (one: Logged, other: Logged): number => (BigInt(one.epoch) < BigInt(other.epoch) ? -1 : 1);

const misplacedIn = (line: readonly Logged[]): Violation[] =>
  line.flatMap((session, index) => {
    const next = line.slice(index + 1).find(({ first }) => first < session.last);
    if (next === undefined) return [];
    const { who, partition, epoch, records } = session;
    const what = `${who}: in partition ${partition} some of ${records} records under epoch ${epoch} lie behind the first under ${next.epoch}`;
    return [{ kind: 'misplaced', at: 0, what, messages: 1 } as const];
  });
