/** Many seeds, one after the other: how they end, and after how many a planted bug is found. */
import { generate } from './generate.ts';
import type { Breach } from './ledger.ts';
import { mutations } from './mutations/catalogue.ts';
import { worldWith } from './mutations/mutated-world.ts';
import type { Mutation } from './mutations/mutation.ts';
import type { Plan } from './plan.ts';
import { type Outcome, World } from './world.ts';

export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

export interface Failure {
  readonly seed: number;
  readonly hash: string;
  readonly breaches: readonly Breach[];
}

export interface Tally {
  readonly seeds: number;
  readonly events: number;
  readonly messages: number;
  readonly failures: readonly Failure[];
}

export interface Discovery {
  readonly mutation: string;
  /** How many seeds it took; `undefined` where none found it. */
  readonly after: number | undefined;
  readonly promise: string;
}

export const mutationNamed = (name: string): Mutation => {
  const found = mutations.find((mutation) => mutation.name === name);
  if (found === undefined) throw new RangeError(`there is no mutation ${name}: see --list`);
  return found;
};

/** Runs a plan in a world without a bug, or with that one. */
export const runPlan = async (plan: Plan, mutation: Mutation | undefined, keepsTrace = false): Promise<Outcome> => {
  const Kind = mutation === undefined ? World : await worldWith(mutation);
  const strays: unknown[] = [];
  const note = (cause: unknown): void => void strays.push(cause);
  process.on('unhandledRejection', note);
  const outcome = await new Kind(plan, { bugs: mutation?.bugs ?? {}, keepsTrace }).run();
  // Rejections nobody handled are told of in this turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  if (strays.length === 0) return outcome;
  const what = `a rejection nobody handles: ${strays.map(String).join(', ')}`;
  return { ...outcome, breaches: [...outcome.breaches, { promise: 'I9', atMs: plan.durationMs, what, about: [] }] };
};

export const runSeeds = async (
  { first, last }: SeedRange,
  mutation: Mutation | undefined,
  onSeed: (tally: Tally) => void,
): Promise<Tally> => {
  const failures: Failure[] = [];
  let tally: Tally = { seeds: 0, events: 0, messages: 0, failures };
  for (let seed = first; seed <= last; seed += 1) {
    const { breaches, hash, events, messages } = await runPlan(generate(seed), mutation);
    if (breaches.length > 0) failures.push({ seed, hash, breaches: breaches.slice(0, breachesShownMax) });
    tally = { seeds: tally.seeds + 1, events: tally.events + events, messages: tally.messages + messages, failures };
    onSeed(tally);
  }
  return tally;
};

const breachesShownMax = 5;

/** Seeds from the range's first on, until one of them finds the bug. */
export const discover = async (mutation: Mutation, { first, last }: SeedRange): Promise<Discovery> => {
  for (let seed = first; seed <= last; seed += 1) {
    const [breach] = (await runPlan(generate(seed), mutation)).breaches;
    if (breach !== undefined) return { mutation: mutation.name, after: seed - first + 1, promise: breach.promise };
  }
  return { mutation: mutation.name, after: undefined, promise: '' };
};
