/**
 * Effects of sessions whose successor was there already. A client knows no epochs, but it knows the order of its
 * sessions, which is theirs: what it sent on an older one after a newer one had an effect must go nowhere, and what
 * others sent after the newer one was acknowledged must not come on the older one.
 */
import type { Sent } from './event.ts';
import { type History, type Lane, numbersOf, type SessionFacts } from './history.ts';
import { arrivedOf } from './loss.ts';
import { rangesOf, type Violation } from './violation.ts';

interface LateSend {
  readonly lane: Lane;
  readonly sent: Sent;
  readonly session: SessionFacts;
  /** Those that had an effect. */
  readonly numbers: readonly number[];
}

export const findStaleSends = (history: History): Violation[] => {
  const heardAt = firstEffects(history);
  return lateSends(history)
    .filter(({ sent, session }) => sent.at > heardAfter(history, session, heardAt))
    .map(({ lane, sent, session, numbers }) => {
      const what = `${lane.from} → ${lane.to}: ${rangesOf(numbers)} ${session.acknowledgedAt === undefined ? 'delivered' : 'acknowledged'}, sent on session ${sent.session} ${lateness(sent.at, session.supersededAt)}`;
      return { kind: 'stale_send', at: sent.at, what, messages: numbers.length } as const;
    });
};

/**
 * Messages that were sent on an older session in the moment of a takeover, when the newer one was acknowledged and had
 * not had any effect yet, and that counted. Nothing is wrong with that: one after the other has effects.
 */
export const countPartings = (history: History): number => {
  const heardAt = firstEffects(history);
  return lateSends(history)
    .filter(({ sent, session }) => sent.at <= heardAfter(history, session, heardAt))
    .reduce((sum, { numbers }) => sum + numbers.length, 0);
};

const lateSends = (history: History): LateSend[] =>
  [...history.lanes.values()].flatMap((lane) => {
    const arrived = arrivedOf(lane);
    return lane.sent.flatMap((sent) => {
      const session = history.session(sent.session);
      if (session === undefined || session.supersededAt > sent.at) return [];
      const all = [...numbersOf(sent)];
      const numbers = session.acknowledgedAt === undefined ? all.filter((number) => arrived.has(number)) : all;
      return numbers.length === 0 ? [] : [{ lane, sent, session, numbers }];
    });
  });

/** When anything sent on a session was first seen to count. */
const firstEffects = (history: History): ReadonlyMap<string, number> => {
  const firsts = new Map<string, number>();
  const note = (session: string, at: number): void => void firsts.set(session, Math.min(at, firsts.get(session) ?? at));
  for (const lane of history.lanes.values()) {
    const sessionOf = new Map(
      lane.sent.flatMap((sent) => [...numbersOf(sent)].map((number) => [number, sent.session])),
    );
    for (const range of lane.delivered)
      for (const number of numbersOf(range)) note(sessionOf.get(number) ?? '', range.at);
  }
  for (const who of history.clients)
    for (const { session, acknowledgedAt } of history.sessionsOf(who))
      if (acknowledgedAt !== undefined) note(session, acknowledgedAt);
  return firsts;
};

/** When the first of the sessions after this one was first seen to count. */
const heardAfter = (history: History, { who, at }: SessionFacts, heardAt: ReadonlyMap<string, number>): number =>
  Math.min(
    ...history
      .sessionsOf(who)
      .filter((later) => later.isLate === undefined && later.at > at)
      .map(({ session }) => heardAt.get(session) ?? Infinity),
  );

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
