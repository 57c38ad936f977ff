/**
 * Effects of sessions whose successor was there already. A client knows no epochs, but it knows the order of its
 * sessions, which is theirs: what it sent on an older one after a newer one was acknowledged must go nowhere, and what
 * others sent after that must not come on the older one.
 */
import { type History, type Lane, numbersOf } from './history.ts';
import { arrivedOf } from './loss.ts';
import { rangesOf, type Violation } from './violation.ts';

export const findStaleSends = (history: History): Violation[] =>
  [...history.lanes.values()].flatMap((lane) => {
    const arrived = arrivedOf(lane);
    return lane.sent.flatMap((sent) => {
      const session = history.session(sent.session);
      if (session === undefined || session.supersededAt > sent.at) return [];
      const effective = [...numbersOf(sent)].filter((number) => arrived.has(number));
      if (effective.length === 0 && session.acknowledgedAt === undefined) return [];
      const messages = session.acknowledgedAt === undefined ? effective.length : sent.count;
      const how = session.acknowledgedAt === undefined ? `${rangesOf(effective)} delivered` : 'acknowledged';
      const what = `${lane.from} → ${lane.to}: ${how}, sent on session ${sent.session} ${lateness(sent.at, session.supersededAt)}`;
      return [{ kind: 'stale_send', at: sent.at, what, messages } as const];
    });
  });

export const findStaleDeliveries = (history: History): Violation[] =>
  [...history.lanes.values()].flatMap((lane) => {
    const sentAt = sendTimes(lane);
    return lane.delivered.flatMap((delivered) => {
      const session = history.session(delivered.session);
      if (session === undefined || session.supersededAt === Infinity) return [];
      const stale = [...numbersOf(delivered)].filter((number) => (sentAt.get(number) ?? 0) > session.supersededAt);
      if (stale.length === 0) return [];
      const latest = sentAt.get(stale.at(-1) ?? 0) ?? 0;
      const what = `${lane.from} → ${lane.to}: ${rangesOf(stale)} came on session ${session.session}, sent ${lateness(latest, session.supersededAt)}`;
      return [{ kind: 'stale_delivery', at: delivered.at, what, messages: stale.length } as const];
    });
  });

const sendTimes = ({ sent }: Lane): ReadonlyMap<number, number> => {
  const times = new Map<number, number>();
  for (const range of sent) for (const number of numbersOf(range)) times.set(number, range.at);
  return times;
};

const lateness = (at: number, supersededAt: number): string =>
  `${Math.round(at - supersededAt)} ms after its successor was there`;
