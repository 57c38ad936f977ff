/**
 * Order within a lane. Deliveries are repeated after a reconnect, so what counts is when a message comes for the first
 * time; within one session nothing is ever repeated.
 */
import type { Delivered, Sent } from './event.ts';
import { type History, type Lane, numbersOf } from './history.ts';
import { rangesOf, type Violation } from './violation.ts';

export const findInversions = (history: History): Violation[] =>
  [...history.lanes.values()].flatMap((lane) => inversionsIn(history, lane));

const inversionsIn = (history: History, lane: Lane): Violation[] => {
  const seen = new Set<number>();
  const sentIn = sendings(lane);
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
    const isOvertaken = late.every((number) => wasLeftBehind(history, sentIn.get(number), sentIn.get(before)));
    const what = `${lane.from} → ${lane.to}: ${rangesOf(late)} came for the first time after ${before}${on(delivered)}`;
    return [{ kind: isOvertaken ? 'overtaken' : 'inversion', at: delivered.at, what, messages: late.length } as const];
  });
};

/** Whether `earlier` was given up, unacknowledged, before `later` was sent. */
const wasLeftBehind = (history: History, earlier: Sent | undefined, later: Sent | undefined): boolean =>
  earlier !== undefined &&
  later !== undefined &&
  earlier.session !== later.session &&
  (history.session(earlier.session)?.acknowledgedAt ?? Infinity) > later.at;

const sendings = ({ sent }: Lane): ReadonlyMap<number, Sent> => {
  const byNumber = new Map<number, Sent>();
  for (const range of sent) for (const number of numbersOf(range)) byNumber.set(number, range);
  return byNumber;
};

export const findDoubled = (history: History): Violation[] => [...history.lanes.values()].flatMap(doubledIn);

const doubledIn = (lane: Lane): Violation[] => {
  const bySession = new Map<string, Set<number>>();
  return lane.delivered.flatMap((delivered) => {
    const { session, at } = delivered;
    if (session === undefined) return [];
    const seen = bySession.get(session) ?? new Set();
    bySession.set(session, seen);
    const again = [...numbersOf(delivered)].filter((number) => seen.has(number) || !seen.add(number));
    if (again.length === 0) return [];
    const what = `${lane.from} → ${lane.to}: ${rangesOf(again)} came again${on(delivered)}`;
    return [{ kind: 'doubled', at, what, messages: again.length } as const];
  });
};

const on = ({ session }: Delivered): string => (session === undefined ? '' : ` on session ${session}`);
