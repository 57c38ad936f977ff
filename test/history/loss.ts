import { type History, type Lane, numbersOf } from './history.ts';
import { rangesOf, type Violation } from './violation.ts';

/** Messages that were acknowledged and never came; to be asked once all disturbances are over and all is delivered. */
export const findLosses = (history: History): Violation[] =>
  [...history.lanes.values()].flatMap((lane) => {
    const arrived = arrivedOf(lane);
    return lane.sent
      .filter((sent) => history.isAcknowledged(sent))
      .flatMap((sent) => {
        const missing = [...numbersOf(sent)].filter((number) => !arrived.has(number));
        if (missing.length === 0) return [];
        const what = `${lane.from} → ${lane.to}: ${rangesOf(missing)}, sent and acknowledged on session ${sent.session}`;
        return [{ kind: 'lost', at: sent.at, what, messages: missing.length } as const];
      });
  });

/** Messages that came and were never sent. */
export const findUnsent = (history: History): Violation[] =>
  [...history.lanes.values()].flatMap((lane) => {
    const sent = new Set(lane.sent.flatMap((range) => [...numbersOf(range)]));
    return lane.delivered.flatMap((delivered) => {
      const unknown = [...numbersOf(delivered)].filter((number) => !sent.has(number));
      if (unknown.length === 0) return [];
      const what = `${lane.from} → ${lane.to}: ${rangesOf(unknown)} came, which nobody sent`;
      return [{ kind: 'unsent', at: delivered.at, what, messages: unknown.length } as const];
    });
  });

export const arrivedOf = ({ delivered }: Pick<Lane, 'delivered'>): ReadonlySet<number> => {
  const numbers = new Set<number>();
  for (const range of delivered) for (const number of numbersOf(range)) numbers.add(number);
  return numbers;
};
