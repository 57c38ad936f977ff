/** The command line of `npm run sim`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { SeedRange } from './campaign.ts';

export interface Request {
  readonly range: SeedRange;
  readonly mutation: string | undefined;
  readonly jobs: number;
  readonly isJson: boolean;
  readonly wants: 'run' | 'trace' | 'list' | 'help' | 'shrink';
}

export const help = `npm run sim -- [options]

The whole fabric in one process under virtual time: several gateways, stores, network and clients, with everything that
can go wrong, decided by a seed. The same seed is the same run, byte for byte.

  --seed N          one seed; prints the hash of its trace
  --seeds A..B      many; 1..1000 if nothing is said
  --trace           prints every event of the seed
  --shrink          leaves out clients, acts and faults of a failing seed while it still fails
  --mutation NAME   with a planted bug; with "all", says after how many of the seeds each is found
  --list            the planted bugs
  --jobs N          processes, as many as there are cores if nothing is said
  --json            one JSON document on standard output
  --help            this text

Ends with 0 if no promise was broken (with mutations: if at least 95 % of them were found), else with 1.`;

const defaultRange: SeedRange = { first: 1, last: 1000 };

export const readArguments = (args: readonly string[]): Request => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      mutation: { type: 'string' },
      jobs: { type: 'string' },
      trace: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    range: rangeOf(values.seeds ?? values.seed),
    mutation: values.mutation,
    jobs: numberOf(values.jobs ?? String(availableParallelism())),
    isJson: values.json,
    wants: wishOf(values),
  };
};

const wishOf = (values: Readonly<Record<'trace' | 'shrink' | 'list' | 'help', boolean>>): Request['wants'] => {
  if (values.help) return 'help';
  if (values.list) return 'list';
  if (values.shrink) return 'shrink';
  return values.trace ? 'trace' : 'run';
};

const rangeOf = (text: string | undefined): SeedRange => {
  if (text === undefined) return defaultRange;
  const [first = '', last = first] = text.split('..');
  const range = { first: numberOf(first), last: numberOf(last) };
  if (range.last < range.first) throw new RangeError(`${text} has no seeds`);
  return range;
};

const numberOf = (text: string): number => {
  const number = Number(text);
  if (text === '' || !Number.isSafeInteger(number) || number < 0) throw new RangeError(`"${text}" is not a number`);
  return number;
};
