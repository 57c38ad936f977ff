/** How long identities are silent whose gateway crashes, or is restarted, with a second one beside it. Of the stack only. */
import { Child } from '../harness/child.ts';
import type { Budget, Figure } from '../harness/figures.ts';
import type { Place, Servers, Setting } from '../harness/setting.ts';
import { median, nowMs, percentile } from '../harness/statistics.ts';
import type { ComeBack, Survivors } from '../programs/survivors.ts';

interface Variant {
  readonly what: string;
  readonly comeBack: ComeBack;
  readonly end: 'SIGKILL' | 'SIGTERM';
  readonly budget: Budget;
}

const atMost = (limit: number): Budget => ({ of: 'value', bound: 'at most', limit });

const variants: readonly Variant[] = [
  { what: 'crash, back with its session id', comeBack: 'resumed', end: 'SIGKILL', budget: atMost(100) },
  { what: 'crash, back without it', comeBack: 'anew', end: 'SIGKILL', budget: atMost(3000) },
  { what: 'planned restart, SDK', comeBack: 'sdk', end: 'SIGTERM', budget: atMost(250) },
];

const clients = 20;
/** For what is still to come when all have gone on. */
const graceMs = 30_000;

export const failover = async (setting: Setting): Promise<readonly Figure[]> => {
  if (!setting.options.compositions.includes('stack')) return [];
  await using survivors = Child.spawn('survivors');
  const place = await setting.place('stack');
  const figures: Figure[] = [];
  for (const variant of variants) figures.push(await measure(setting, { survivors, place, variant }));
  return figures;
};

interface Scene {
  readonly survivors: Child<Survivors>;
  readonly place: Place;
  readonly variant: Variant;
}

const measure = async (setting: Setting, scene: Scene): Promise<Figure> => {
  const { what, budget, comeBack } = scene.variant;
  const hasCeiling = comeBack !== 'sdk';
  const ours: Silences[] = [];
  const bare: Silences[] = [];
  for (let round = -1; round < setting.options.rounds; round += 1) {
    setting.options.progress(`failover, ${what}: ${round < 0 ? 'warm-up' : `round ${round + 1}`}`);
    const measured = await between(setting, scene, () => scene.place.open());
    const ceiling = hasCeiling ? await between(setting, scene, () => setting.bare()) : undefined;
    if (round < 0) continue;
    ours.push(measured);
    if (ceiling !== undefined) bare.push(ceiling);
  }
  return {
    line: 'failover',
    what: `${what}, the slowest of ${clients}`,
    composition: 'stack',
    unit: 'ms',
    ours: ours.map(slowest),
    ceiling: bare.map(slowest),
    ceilingName: 'two bare relays',
    budgets: [budget],
    note: `median ${median(ours.flat()).toFixed(0)} ms`,
  };
};

/** How long each client heard nothing. */
type Silences = readonly number[];

const slowest = (silences: Silences): number => percentile(silences, 1);

const between = async (
  setting: Setting,
  { survivors, variant: { comeBack, end } }: Scene,
  open: () => Promise<Servers>,
): Promise<Silences> => {
  await using first = await open();
  await using second = await open();
  const [from, to] = [first.only, second.only];
  const isFabric = from.name !== 'bare';
  const workspace = setting.unique('failover');
  await survivors.call('settle', { from: from.server, to: to.server, workspace, clients, isFabric, comeBack });
  const beganMs = nowMs();
  process.kill(from.pid, end);
  const { outages, lost } = await survivors.call('survived', { graceMs });
  if (lost > 0) throw new Error(`${lost} messages were lost`);
  return outages.map(({ lostMs, firstMs }) => firstMs - (end === 'SIGKILL' ? beganMs : lostMs));
};
