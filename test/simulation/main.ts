/** `npm run sim`: see `--help`, and docs/simulation.md. */
import { help, type Request, readArguments } from './arguments.ts';
import { type Discovery, discover, mutationNamed, runPlan, runSeeds, type Tally } from './campaign.ts';
import { generate } from './generate.ts';
import { runJob, split } from './jobs.ts';
import { mutations } from './mutations/catalogue.ts';
import type { Plan } from './plan.ts';
import { discoveriesText, excerpt, tallyText } from './report.ts';
import { shrink } from './shrink.ts';

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

const enoughShare = 0.95;
const progressEvery = 500;

const main = async (request: Request): Promise<boolean> => {
  switch (request.wants) {
    case 'help':
      print(help);
      return true;
    case 'list':
      for (const { name, breaks } of mutations) print(`${name}: ${breaks}`);
      return true;
    case 'shrink':
      return showShrunk(request);
    case 'trace':
      return showTrace(generate(request.range.first), request);
    case 'run':
      return isMany(request.mutation) ? findMany(request, request.mutation) : runMany(request);
  }
};

const mutationOf = ({ mutation }: Request) => (mutation === undefined ? undefined : mutationNamed(mutation));

const showTrace = async (plan: Plan, request: Request): Promise<boolean> => {
  const { trace, breaches, hash } = await runPlan(plan, mutationOf(request), true);
  for (const line of trace) print(line);
  tell(`seed ${plan.seed}: trace ${hash}, ${breaches.length} promises broken`);
  return breaches.length === 0;
};

const showShrunk = async (request: Request): Promise<boolean> => {
  const mutation = mutationOf(request);
  const plan = generate(request.range.first);
  const [first] = (await runPlan(plan, mutation)).breaches;
  if (first === undefined) {
    tell(`seed ${plan.seed} breaks no promise`);
    return true;
  }
  const smallest = await shrink(plan, mutation, first.promise);
  print(JSON.stringify(smallest, undefined, 2));
  return showTrace(smallest, request);
};

const runMany = async (request: Request): Promise<boolean> => {
  const { range, mutation, jobs, isJson } = request;
  const startedMs = performance.now();
  const isSmall = range.last - range.first < 100;
  const tally = jobs === 1 || isSmall ? await runHere(request) : await runThere(request);
  const seconds = (performance.now() - startedMs) / 1000;
  if (isJson) print(JSON.stringify(tally));
  else print(tallyText(tally, seconds));
  const [failure] = tally.failures;
  if (!isJson && range.first === range.last) await showSeed(range.first, mutation, failure !== undefined);
  return tally.failures.length === 0;
};

const showSeed = async (seed: number, mutation: string | undefined, hasFailed: boolean): Promise<void> => {
  const named = mutation === undefined ? undefined : mutationNamed(mutation);
  const { hash, trace, breaches } = await runPlan(generate(seed), named, true);
  const [breach] = breaches;
  if (hasFailed && breach !== undefined) for (const line of excerpt(trace, breach)) print(line);
  print(`trace ${hash}`);
};

const runHere = (request: Request): Promise<Tally> =>
  runSeeds(request.range, mutationOf(request), ({ seeds, failures }) => {
    if (seeds % progressEvery === 0)
      tell(`${seeds} of seeds ${request.range.first}..${request.range.last}, ${failures.length} broken`);
  });

const runThere = async ({ range, mutation, jobs }: Request): Promise<Tally> => {
  const bug = mutation === undefined ? [] : ['--mutation', mutation];
  const parts = await Promise.all(
    split(range, jobs).map(({ first, last }) => runJob(['--seeds', `${first}..${last}`, ...bug])),
  );
  return (parts as readonly Tally[]).reduce((one, other) => ({
    seeds: one.seeds + other.seeds,
    events: one.events + other.events,
    messages: one.messages + other.messages,
    failures: [...one.failures, ...other.failures],
  }));
};

const isMany = (mutation: string | undefined): mutation is string =>
  mutation !== undefined && (mutation === 'all' || mutation.includes(','));

/** `all`, or names with commas between them. */
const namesIn = (mutation: string): readonly string[] =>
  mutation === 'all' ? mutations.map(({ name }) => name) : mutation.split(',').filter((name) => name !== '');

const findMany = async (request: Request, asked: string): Promise<boolean> => {
  const names = namesIn(asked);
  const discoveries = request.jobs === 1 ? await findHere(request, names) : await findThere(request, names);
  const found = discoveries.filter(({ after }) => after !== undefined).length;
  const isEnough = found >= enoughShare * discoveries.length;
  print(request.isJson ? JSON.stringify(discoveries) : discoveriesText(discoveries, isEnough));
  return isEnough;
};

const findHere = async ({ range }: Request, names: readonly string[]): Promise<readonly Discovery[]> => {
  const discoveries: Discovery[] = [];
  for (const name of names) {
    const discovery = await discover(mutationNamed(name), range);
    discoveries.push(discovery);
    tell(`${name}: ${discovery.after === undefined ? 'not found' : `found after ${discovery.after}`}`);
  }
  return discoveries;
};

/** Neighbours are alike and take alike, so they go to different processes. */
const findThere = async ({ range, jobs }: Request, names: readonly string[]): Promise<readonly Discovery[]> => {
  const seeds = `${range.first}..${range.last}`;
  const shares = Array.from({ length: jobs }, (_, job) => names.filter((__, index) => index % jobs === job));
  const parts = await Promise.all(
    shares
      .filter((share) => share.length > 0)
      .map((share) => runJob(['--mutation', `${share.join(',')},`, '--seeds', seeds])),
  );
  return (parts as readonly (readonly Discovery[])[]).flat();
};

// Errors are made by the thousand here, and nobody reads where.
Error.stackTraceLimit = 0;

try {
  process.exitCode = (await main(readArguments(process.argv.slice(2)))) ? 0 : 1;
} catch (thrown) {
  tell(thrown instanceof Error ? thrown.message : String(thrown));
  process.exitCode = 2;
}
