/** What a person reads of a run. */
import type { Discovery, Failure, Tally } from './campaign.ts';
import type { Breach } from './ledger.ts';

/** Lines of the trace shown for a breach: the last ones that belong to it. */
const linesShownMax = 30;
const failuresShownMax = 10;

export const excerpt = (trace: readonly string[], { about }: Breach): readonly string[] =>
  trace.filter((line) => about.some((word) => line.includes(word))).slice(-linesShownMax);

export const tallyText = ({ seeds, events, messages, failures }: Tally, seconds: number): string => {
  const rate = (seeds / seconds).toFixed(0);
  const counts = `${seeds} seeds, ${events} events, ${messages} deliveries in ${seconds.toFixed(1)} s (${rate} seeds/s)`;
  const shown = failures.slice(0, failuresShownMax).map(failureText);
  return [...shown, `${counts}: ${failures.length} with a broken promise`].join('\n');
};

const failureText = ({ seed, breaches }: Failure): string =>
  [
    ...breaches.map(({ promise, atMs, what }) => `seed ${seed}: ${promise} broken at ${atMs.toFixed(0)} ms: ${what}`),
    `  replay with: npm run sim -- --seed ${seed} --trace`,
  ].join('\n');

export const discoveriesText = (discoveries: readonly Discovery[], isEnough: boolean): string => {
  const width = Math.max(...discoveries.map(({ mutation }) => mutation.length));
  const lines = discoveries.map(({ mutation, after, promise }) =>
    after === undefined ? `${mutation.padEnd(width)}  NOT FOUND` : `${mutation.padEnd(width)}  ${after} (${promise})`,
  );
  const found = discoveries.filter(({ after }) => after !== undefined).length;
  return [...lines, `${found} of ${discoveries.length} found${isEnough ? '' : ', fewer than 95 %'}`].join('\n');
};
