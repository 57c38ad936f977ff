/** From publishing to delivery, for a few messages and for more, over what the bare relay needs. */
import { Child } from '../harness/child.ts';
import type { Budget, Figure } from '../harness/figures.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import type { Delays, Latency } from '../programs/latency.ts';

const pairs = 10;
const rates = [100, 1000] as const;
/** So that the slowest hundredth at 100 a second is more than a few messages. */
const longer = 2;
const warmUpPerSecond = 500;

const addedAtMost = (limit: number): readonly Budget[] => [{ of: 'difference', bound: 'at most', limit }];

export const latency = async (setting: Setting): Promise<readonly Figure[]> => {
  await using servers = await setting.servers();
  await using clients = Child.spawn('latency');
  for (const { name, server } of servers.contenders)
    await clients.call('open', { group: name, server, workspace: setting.unique('latency'), pairs });
  const figures: Figure[] = [];
  for (const perSecond of rates) figures.push(...(await measure(setting, servers.contenders, { clients, perSecond })));
  return figures;
};

const measure = async (
  setting: Setting,
  contenders: readonly Contender[],
  { clients, perSecond }: { clients: Child<Latency>; perSecond: (typeof rates)[number] },
): Promise<readonly Figure[]> => {
  const { seconds } = setting.options;
  const pace = ({ name }: Contender, rate: number, forSeconds: number): Promise<Delays> =>
    clients.call('pace', { group: name, perSecond: rate, seconds: forSeconds });
  const measured = await inRounds(setting, contenders, {
    what: `latency at ${perSecond}/s`,
    warmUp: (contender) => pace(contender, warmUpPerSecond, seconds / 2),
    measure: (contender) => pace(contender, perSecond, seconds * longer),
  });
  const p50 = besideBare(setting, measured, {
    line: 'latency',
    what: `${perSecond}/s, p50`,
    unit: 'ms',
    value: ({ p50Ms }) => p50Ms,
    budgets: perSecond === 100 ? addedAtMost(1.5) : [],
  });
  const p99 = besideBare(setting, measured, {
    line: 'latency',
    what: `${perSecond}/s, p99`,
    unit: 'ms',
    value: ({ p99Ms }) => p99Ms,
    budgets: [],
  });
  return [...p50, ...p99.map((figure) => ({ ...figure, budgets: addedAtMost(p99MaxMs[figure.composition]) }))];
};

const p99MaxMs = { embedded: 2, stack: 3 } as const;
