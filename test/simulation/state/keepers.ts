/** Plans for those who keep state: few keys, so that they meet, and takeovers while something is on its way. */
import type { Act, ClientPlan, Fault } from '../plan.ts';
import type { Random } from '../random.ts';
import { type Deed, exclusiveSpaces, type KeySpace, type Space, type Step, sharedSpaces } from './deed.ts';

interface Surroundings {
  /** Nothing is to go wrong. */
  readonly isCalm: boolean;
  /** Something else that a client does to its stream. */
  readonly between: (random: Random) => Act;
}

interface Keeping {
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly Fault[];
}

type Draws = readonly [Deed['does'], ...Deed['does'][]];
type Spaces = readonly [KeySpace, ...KeySpace[]];

const keepingShare = 0.4;
const laggingShare = 0.9;
const registerDeeds: Draws = [
  'get',
  'get',
  'put',
  'put',
  'put_new',
  'put_if',
  'put_if',
  'put_if',
  'delete',
  'delete_if',
];
const deedsOf: Readonly<Record<string, Draws>> = {
  register: [...registerDeeds, 'add'],
  fleeting: [...registerDeeds, 'add_member'],
  counter: ['add', 'add', 'add', 'add', 'add', 'get', 'put', 'delete'],
  set: ['add_member', 'add_member', 'add_member', 'count_members', 'get', 'delete'],
};
const shareOfTtls: Readonly<Record<string, number>> = { fleeting: 1, counter: 0.3 };
const checkpointDeeds: Draws = ['put', 'put', 'get', 'delete'];

export const noKeeping: Keeping = { clients: [], faults: [] };

export const keepingOf = (random: Random, surroundings: Surroundings): Keeping => {
  if (!random.chance(keepingShare)) return noKeeping;
  const spaces: Spaces = [random.pick(exclusiveSpaces), random.pick(exclusiveSpaces), random.pick(sharedSpaces)];
  const lagsAtMs = !surroundings.isCalm && random.chance(laggingShare) ? [random.between(2500, 4800)] : [];
  const [first, second] = ['ag::w::sim::keeper', 'ag::w::sim::other'];
  const keeper = (name: string, identity: string, isTwin: boolean): ClientPlan => ({
    name,
    identity,
    kind: 'keeper',
    startMs: random.between(0, 1500),
    resumeRate: random.pick([0, 0.5, 1]),
    patienceMs: random.pick([600, 5000]),
    isTwin,
    acts: actsOf(random, { spaces, surroundings, lagsAtMs: name === laggard ? lagsAtMs : [] }),
  });
  return {
    clients: [
      keeper(laggard, first, false),
      ...(random.chance(0.5) ? [keeper('k1', second, false)] : []),
      ...(random.chance(0.4) ? [keeper('k2', first, true)] : []),
    ],
    faults: lagsAtMs.map((atMs) => ({
      kind: 'lag',
      atMs,
      client: laggard,
      forMs: random.between(500, 2500),
      lateMs: random.between(3000, 5000),
    })),
  };
};

const laggard = 'k0';

interface Circumstances {
  readonly spaces: Spaces;
  readonly surroundings: Surroundings;
  /** When what it writes begins to come late. */
  readonly lagsAtMs: readonly number[];
}

const actsOf = (random: Random, { spaces, surroundings, lagsAtMs }: Circumstances): readonly Act[] => {
  const steps = (count: number): readonly Step[] => Array.from({ length: count }, () => stepOf(random, spaces));
  const keep = (count: number): Act => ({ do: 'keep', steps: steps(count), everyMs: random.pick([0, 20, 150]) });
  const shift = (count: number): Act => {
    return { do: 'shift', steps: steps(count), everyMs: random.pick([5, 20, 50]), switches: random.chance(0.5) };
  };
  const others = Array.from({ length: random.int(3, 6) }, (): Act => {
    const draw = random.next();
    if (draw < 0.5) return keep(random.int(3, 9));
    if (draw < 0.65) return shift(random.int(4, 10));
    return draw < 0.75 ? { do: 'rest', ms: random.between(50, 1500) } : surroundings.between(random);
  });
  const atLags = lagsAtMs.flatMap((atMs) => lateOf(random, spaces, atMs));
  return [...lateSteps(spaces), keep(4), ...atLags, ...others];
};

/** What shows in the end if it comes late and is done all the same: nobody writes there at another time. */
const lateStep = { on: 'one', key: 'late', does: 'put', ttlMs: 0 } as const;

/** So that there is something to delete. */
const lateSteps = ([space]: Spaces): readonly Act[] => [
  {
    do: 'keep',
    steps: [
      { ...lateStep, space: 'checkpoints' },
      { ...lateStep, space },
    ],
    everyMs: 20,
  },
];

/** A checkpoint waits for the keys before it, and everything for a checkpoint or a purge: so it is one or the other. */
const lateOf = (random: Random, [key]: Spaces, atMs: number): readonly Act[] => {
  const space: Space = random.chance(0.5) ? 'checkpoints' : key;
  const step = { ...lateStep, space };
  const writes = Array.from({ length: 3 }, (): Step => ({ ...step, does: random.pick(['put', 'delete']) }));
  const steps = random.chance(0.2) ? [{ on: 'purge' } as const] : writes;
  return [
    { do: 'until', atMs: atMs + random.between(1, 200) },
    { do: 'keep', steps, everyMs: random.pick([0, 20]) },
    { do: 'rest', ms: random.between(20, 200) },
    random.chance(0.7) ? { do: 'cancel', awayMs: 0 } : { do: 'shift', steps: [], everyMs: 20, switches: false },
    // What is seen first in the next session is what it may begin from.
    { do: 'keep', steps: [{ ...step, does: 'get' }], everyMs: 0 },
  ];
};

const stepOf = (random: Random, spaces: Spaces): Step => {
  const draw = random.next();
  if (draw < 0.03) return { on: 'purge' };
  if (draw < 0.13)
    return { on: 'all', space: random.chance(0.2) ? 'checkpoints' : random.pick(spaces), limit: random.int(1, 2) };
  if (draw < 0.3) return checkpointStepOf(random);
  return keyStepOf(random, random.pick(spaces));
};

const checkpointStepOf = (random: Random): Step => ({
  on: 'one',
  space: 'checkpoints',
  key: random.pick(['first', 'second']),
  does: random.pick(checkpointDeeds),
  ttlMs: random.chance(0.2) ? 1000 : 0,
});

const keyStepOf = (random: Random, space: KeySpace): Step => {
  const key = random.pick(['counter', 'counter', 'fleeting', 'register', 'register', 'set']);
  const does = random.pick(deedsOf[key] ?? registerDeeds);
  const ttlMs = random.chance(shareOfTtls[key] ?? 0.1) ? random.pick([1000, 2000]) : 0;
  const step = { on: 'one', space, key, does, ttlMs } as const;
  if (does === 'add_member') return { ...step, value: `member${random.int(1, 4)}` };
  if (does === 'add') return { ...step, ...sumOf(random) };
  return key === 'counter' ? { ...step, value: `${random.int(-3, 3)}` } : step;
};

const sumOf = (random: Random): { readonly amount: number; readonly bound: number | undefined } => ({
  amount: random.pick([1, 2, -1]),
  bound: random.chance(0.4) ? random.int(-2, 4) : undefined,
});
