/** Makes a plan of a seed. What is rare in the world is common here: times are short, and everything goes wrong often. */
import type { Errand } from '../chaos/load/errand.ts';
import type { Act, ClientPlan, Fault, Plan } from './plan.ts';
import { Random } from './random.ts';
import type { ServerName } from './sim-gateway.ts';
import { keepingOf, noKeeping } from './state/keepers.ts';

const durationMs = 10_000;

/** What a run is mostly about; others happen beside it. */
const moods = [
  'calm',
  'calm',
  'crashes',
  'stops',
  'network',
  'storage',
  'clients',
  'split',
  'split',
  'split',
  'everything',
] as const;
type Mood = (typeof moods)[number];

const longLeases = {
  identityTtlMs: 6000,
  identityRenewEveryMs: 2000,
  gatewayTtlMs: 1500,
  gatewayRenewEveryMs: 500,
  marginMs: 300,
};
const shortLeases = {
  identityTtlMs: 2500,
  identityRenewEveryMs: 800,
  gatewayTtlMs: 1200,
  gatewayRenewEveryMs: 400,
  marginMs: 250,
};

export const generate = (seed: number): Plan => {
  const random = new Random(seed, 'plan');
  const mood = random.pick(moods);
  const gateways = random.int(2, 3);
  const isSlow = random.chance(0.4);
  // What is to happen right after a split has no room for more.
  const keeping =
    mood === 'split'
      ? noKeeping
      : keepingOf(random.fork('state'), { isCalm: mood === 'calm', between: (own) => comingAndGoing(own, mood) });
  return {
    seed,
    durationMs,
    gateways,
    partitions: random.int(1, 3),
    presence: random.pick([shortLeases, longLeases]),
    slowConsumerMs: random.pick([1500, 4000]),
    storeLatencyMs: isSlow ? random.between(10, 60) : random.between(1, 4),
    clientLatencyMs: random.chance(0.3) ? random.between(20, 120) : random.between(1, 5),
    windowBytes: random.pick([2000, 20_000, 64_000]),
    lossRate: mood === 'calm' || random.chance(0.5) ? 0 : random.pick([0.005, 0.03]),
    stallRate: mood === 'calm' ? 0 : random.pick([0, 0, 0.003, 0.02]),
    gossipLossRate: mood === 'calm' ? 0 : random.pick([0, 0.05, 1]),
    clients: [
      ...clientsOf(random.fork('clients'), mood),
      ...correspondentsOf(random.fork('letters'), mood),
      ...keeping.clients,
    ],
    faults: mood === 'calm' ? [] : [...faultsOf(random.fork('faults'), mood, gateways), ...keeping.faults],
  };
};

const clientsOf = (random: Random, mood: Mood): readonly ClientPlan[] => {
  const count = random.int(2, 4);
  const identities = Array.from({ length: count }, (_, index) => `ag::w::sim::${index}`);
  const topics = random.chance(0.3) ? [...identities, 'tb::w::sim'] : identities;
  const clients = identities.map((identity, index) => agentOf(identity, `c${index}`, { random, topics, mood }));
  const [first = ''] = identities;
  const twins = random.chance(0.5) ? [{ ...agentOf(first, 'twin', { random, topics, mood }), isTwin: true }] : [];
  const workers = topics.length === count ? [] : ['x', 'y'].map((name) => workerOf(name, random, mood));
  return [...clients, ...twins, ...workers];
};

interface Surroundings {
  readonly random: Random;
  readonly topics: readonly string[];
  readonly mood: Mood;
}

const agentOf = (identity: string, name: string, { random, topics, mood }: Surroundings): ClientPlan => ({
  name,
  identity,
  kind: 'agent',
  startMs: random.between(0, 1500),
  resumeRate: random.pick([0, 0.5, 1]),
  patienceMs: mood === 'split' ? 5000 : random.pick([600, 5000]),
  isTwin: false,
  acts:
    mood === 'split'
      ? splitActs(random, topics)
      : Array.from({ length: random.int(6, 14) }, () => actOf(random, topics, mood)),
});

const workerOf = (name: string, random: Random, mood: Mood): ClientPlan => ({
  name: `w${name}`,
  identity: `ta::w::sim::${name}`,
  kind: 'worker',
  startMs: random.between(0, 1500),
  resumeRate: 0,
  patienceMs: 5000,
  isTwin: false,
  acts: Array.from({ length: random.int(4, 8) }, () =>
    random.chance(0.5) ? { do: 'rest', ms: random.between(50, 1500) } : disturbance(random, mood),
  ),
});

/** Somebody who names messages and somebody who acknowledges them. */
const correspondentsOf = (random: Random, mood: Mood): readonly ClientPlan[] => {
  if (!random.chance(correspondingShare)) return [];
  const [author, reader] = ['ag::w::sim::author', 'ag::w::sim::reader'];
  const client = { startMs: random.between(0, 800), patienceMs: 5000, isTwin: false };
  const between = (): Act =>
    random.chance(0.6) ? { do: 'rest', ms: random.between(50, 1500) } : comingAndGoing(random, mood);
  const acts = (act: () => Act): readonly Act[] => Array.from({ length: random.int(4, 8) }, act);
  return [
    {
      ...client,
      name: 'author',
      identity: author,
      kind: 'author',
      resumeRate: random.pick([0, 1]),
      acts: acts(() => (random.chance(0.6) ? postOf(random, reader, mood) : between())),
    },
    {
      ...client,
      name: 'reader',
      identity: reader,
      kind: 'reader',
      resumeRate: random.pick([0, 1]),
      acts: acts(between),
    },
  ];
};

const correspondingShare = 0.4;

const comingAndGoing = (random: Random, mood: Mood): Act =>
  random.chance(0.4) ? { do: 'close', awayMs: random.pick([0, 100, 2000]) } : disturbance(random, mood);

/** Where clocks jump nobody can say when a message's time is over. */
const postOf = (random: Random, to: string, mood: Mood): Act => ({
  do: 'post',
  posts: Array.from({ length: random.int(1, 8) }, () => ({
    to,
    errand: errandOf(random),
    ttlMs: random.chance(0.15) && !kindsOf[mood].includes('jump') ? Math.round(random.between(50, 3000)) : undefined,
    delayMs: random.chance(0.15) ? Math.round(random.between(20, 2500)) : undefined,
  })),
  everyMs: random.pick([0, 20, 150]),
});

const errandOf = (random: Random): Errand => ({
  does: random.pick(['ack', 'ack', 'ack', 'ack', 'ack', 'ack', 'nack', 'nack', 'leave', 'poison', 'ignored', 'deadly']),
  times: random.int(1, 2),
  takesMs: Math.round(random.pick([0, 0, random.between(1, 300)])),
});

/** When a gateway is cut off, in runs that are about that: what clients do has to fall into the seconds after it. */
const splitsAtMs = [2500, 6500] as const;

/** Each time, somebody who leaves the gateway that is cut off, or waits for its word. */
const splitActs = (random: Random, topics: readonly string[]): readonly Act[] =>
  splitsAtMs.flatMap((atMs) => {
    const until = (lastMs: number): Act => ({ do: 'until', atMs: atMs + random.between(-100, lastMs) });
    if (random.chance(0.6))
      return [until(400), { ...moveOf(random, topics), count: 40, everyMs: random.pick([5, 20]) }];
    return [until(900), sendOf(random, topics), { do: 'close', awayMs: 0 }];
  });

const actOf = (random: Random, topics: readonly string[], mood: Mood): Act => {
  const draw = random.next();
  if (draw < 0.45) return sendOf(random, topics);
  if (draw < 0.6) return { do: 'rest', ms: random.between(10, 1500) };
  if (draw < 0.78) return { do: 'close', awayMs: random.pick([0, 100, 2000]) };
  if (draw < 0.87) return moveOf(random, topics);
  return disturbance(random, mood);
};

const moveOf = (random: Random, topics: readonly string[]): Extract<Act, { do: 'move' }> => ({
  do: 'move',
  to: topicOf(random, topics),
  switches: random.chance(0.4),
  count: random.int(1, 40),
  everyMs: random.pick([5, 20, 20, 200]),
});

const topicOf = (random: Random, topics: readonly string[]): string =>
  topics[random.int(0, topics.length - 1)] ?? 'ag::w::sim::0';

const sendOf = (random: Random, topics: readonly string[]): Act => ({
  do: 'send',
  to: topicOf(random, topics),
  count: random.int(1, 12),
  bytes: random.chance(0.06) ? 60_000 : random.int(20, 400),
  everyMs: random.chance(0.5) ? 0 : random.between(1, 60),
});

const disturbance = (random: Random, mood: Mood): Act => {
  const isGentle = mood === 'calm';
  const draw = random.next();
  if (draw < 0.3) return { do: 'cancel', awayMs: random.pick([0, 0, 300, 3000]) };
  if (draw < 0.55) {
    const noticedAfterMs = random.chance(0.5) ? random.between(100, 6000) : undefined;
    return { do: 'vanish', awayMs: random.pick([0, 300, 3000]), noticedAfterMs };
  }
  if (draw < 0.8 || isGentle) return { do: 'pause', ms: random.between(50, 3000) };
  return { do: 'stall', direction: random.pick(['up', 'down', 'both']), ms: random.between(50, 5000) };
};

const kindsOf: Readonly<Record<Mood, readonly [Fault['kind'], ...Fault['kind'][]]>> = {
  calm: ['jump'],
  crashes: ['crash', 'crash', 'drain'],
  stops: ['stop', 'stop', 'slow', 'jump'],
  network: ['cut', 'cut', 'slow', 'reset'],
  storage: ['outage', 'outage', 'cut'],
  clients: ['reset', 'jump'],
  split: ['isolate'],
  everything: ['isolate', 'crash', 'drain', 'stop', 'cut', 'slow', 'outage', 'reset', 'jump'],
};

const faultsOf = (random: Random, mood: Mood, gateways: number): readonly Fault[] => {
  if (mood === 'split')
    return splitsAtMs.map((atMs) => ({ ...faultOf('isolate', random, gateways), atMs: atMs + random.between(0, 200) }));
  return Array.from({ length: random.int(1, 6) }, () => faultOf(random.pick(kindsOf[mood]), random, gateways)).toSorted(
    (one, other) => one.atMs - other.atMs,
  );
};

/** Beyond the end of a gateway's lease, often; and of an append's time, now and then. */
const lateness = (random: Random): number => random.pick([0, random.between(200, 2500), random.between(900, 2200)]);

// oxlint-disable-next-line complexity -- one line for each kind of fault
const faultOf = (kind: Fault['kind'], random: Random, gateways: number): Fault => {
  const when = { atMs: random.between(1000, durationMs - 1000), gateway: random.int(0, gateways - 1) };
  const forMs = random.pick([random.between(50, 800), random.between(800, 4500)]);
  const server = random.pick<ServerName>(['redis', 'redis', 'redis', 'log', 'log', 'work']);
  switch (kind) {
    case 'crash':
      return { kind, ...when, forMs, silently: random.chance(0.4) };
    case 'drain':
      return { kind, ...when, forMs };
    case 'stop':
      return { kind, ...when, forMs: random.between(200, 5000), timersFirst: random.chance(0.5) };
    case 'cut':
      return { kind, ...when, forMs, server, cut: random.pick(['both', 'requests', 'answers']) };
    case 'slow':
      return { kind, ...when, forMs, server, factor: random.between(5, 60) };
    case 'isolate':
      return { kind, ...when, forMs: random.between(800, 4500), lateMs: lateness(random), wipes: random.chance(0.6) };
    case 'lag':
      return { kind, atMs: when.atMs, forMs, client: 'k0', lateMs: random.between(1200, 4000) };
    case 'outage':
      return { kind, atMs: when.atMs, forMs, server, wipes: server === 'redis' && random.chance(0.5) };
    case 'reset':
      return { kind, ...when };
    case 'jump':
      return { kind, ...when, byMs: random.between(-60_000, 60_000) };
  }
};
