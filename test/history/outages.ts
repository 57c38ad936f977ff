/** How long clients felt a disturbance: the longest time in which a recipient got nothing, or no sender an answer. */
import { type Distribution, distributionOf } from './distribution.ts';
import type { History } from './history.ts';

export interface Outage {
  readonly kind: string;
  readonly disturbances: number;
  /** Over the disturbances of the kind: the longest silence of any recipient, in milliseconds. */
  readonly silenceMs: Distribution;
}

/** Silence that begins so long after a disturbance has ended is not its doing. */
const aftermathMs = 1000;

/** `untilMs`: the end of the load; silence after it means nothing. */
export const measureOutages = (history: History, untilMs: number): Outage[] => {
  const arrivals = arrivalsByClient(history);
  const byKind = new Map<string, number[]>();
  for (const { kind, at, until } of history.disturbances) {
    const silences = arrivals.map((times) => longestSilence(times, { at, until: until + aftermathMs, untilMs }));
    byKind.set(kind, [...(byKind.get(kind) ?? []), Math.max(0, ...silences)]);
  }
  return [...byKind]
    .map(([kind, silences]) => ({ kind, disturbances: silences.length, silenceMs: distributionOf(silences) }))
    .toSorted((one, other) => one.kind.localeCompare(other.kind));
};

const arrivalsByClient = (history: History): readonly (readonly number[])[] => {
  const byClient = new Map<string, number[]>();
  for (const { who, at } of history.deliveries) {
    const times = byClient.get(who);
    if (times === undefined) byClient.set(who, [at]);
    else times.push(at);
  }
  return [...byClient.values()].map((times) => times.toSorted((one, other) => one - other));
};

interface Window {
  readonly at: number;
  readonly until: number;
  readonly untilMs: number;
}

/** The longest gap between two arrivals that lies, in part, within the window. */
const longestSilence = (times: readonly number[], { at, until, untilMs }: Window): number => {
  let longest = 0;
  let index = firstAfter(times, at);
  for (; index <= times.length; index += 1) {
    const from = times[index - 1] ?? at;
    const to = Math.min(times[index] ?? untilMs, untilMs);
    if (from > until) break;
    longest = Math.max(longest, to - from);
  }
  return longest;
};

const firstAfter = (times: readonly number[], at: number): number => {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
};
