import { type History, type Lane, numbersOf } from './history.ts';

/** Deliveries beyond the first of each message: allowed after a reconnect, and to be few. */
export interface Repeats {
  readonly messages: number;
  /** Of these, how many the gateway had marked as possible repetitions. */
  readonly marked: number;
}

export const countRepeats = (history: History): Repeats => {
  let [messages, marked] = [0, 0];
  for (const lane of history.lanes.values())
    for (const isMarked of repeatsIn(lane)) {
      messages += 1;
      if (isMarked) marked += 1;
    }
  return { messages, marked };
};

/** For each repeated delivery, whether it was marked. */
function* repeatsIn({ delivered }: Lane): Generator<boolean> {
  const seen = new Set<number>();
  for (const range of delivered)
    for (const number of numbersOf(range)) {
      if (seen.has(number)) yield range.isMarked !== undefined;
      seen.add(number);
    }
}
