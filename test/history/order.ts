/**
 * Order within a lane. Deliveries are repeated after a reconnect, so what counts is when a message comes for the first
 * time; within one session nothing is ever repeated, so there numbers only grow.
 */
import type { Delivered } from './event.ts';
import { type History, type Lane, numbersOf } from './history.ts';
import { rangesOf, type Violation } from './violation.ts';

export const findInversions = (history: History): Violation[] => [...history.lanes.values()].flatMap(inversionsIn);

const inversionsIn = (lane: Lane): Violation[] => {
  const seen = new Set<number>();
  let highest = 0;
  return lane.delivered.flatMap((delivered) => {
    const late: number[] = [];
    const before = highest;
    for (const number of numbersOf(delivered)) {
      if (!seen.has(number) && number < highest) late.push(number);
      seen.add(number);
      highest = Math.max(highest, number);
    }
    if (late.length === 0) return [];
    const what = `${lane.from} → ${lane.to}: ${rangesOf(late)} came for the first time after ${before}${on(delivered)}`;
    return [{ kind: 'inversion', at: delivered.at, what, messages: late.length } as const];
  });
};

export const findDoubled = (history: History): Violation[] => [...history.lanes.values()].flatMap(doubledIn);

const doubledIn = (lane: Lane): Violation[] => {
  const highest = new Map<string, number>();
  return lane.delivered.flatMap((delivered) => {
    const { session, first, count, at } = delivered;
    if (session === undefined) return [];
    const before = highest.get(session) ?? 0;
    highest.set(session, Math.max(before, first + count - 1));
    if (first > before) return [];
    const messages = Math.min(before, first + count - 1) - first + 1;
    const what = `${lane.from} → ${lane.to}: ${first} and on (${messages}) came after ${before}${on(delivered)}`;
    return [{ kind: 'doubled', at, what, messages } as const];
  });
};

const on = ({ session }: Delivered): string => (session === undefined ? '' : ` on session ${session}`);
