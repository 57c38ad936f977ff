/** As many messages as pairs of clients get through, each in a frame of its own, durable with us. */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { inspectArgv } from '../harness/inspector.ts';
import { profileOf } from '../harness/profile.ts';
import { type Relayed, RelayLoad } from '../harness/relay-load.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import { median } from '../harness/statistics.ts';
import type { ClientKind } from '../wire/wire-client.ts';

interface Variant {
  readonly client: ClientKind;
  readonly pairs: number;
}

const variants: readonly Variant[] = [
  { client: 'grpc-js', pairs: 1 },
  { client: 'grpc-js', pairs: 10 },
  { client: 'grpc-js', pairs: 50 },
  { client: 'batch', pairs: 10 },
  { client: 'http2', pairs: 10 },
];
const payloadBytes = 256;
const budget = { of: 'ratio', bound: 'at least', limit: 0.6 } as const;
const batchBudget = { of: 'ratio', bound: 'at least', limit: 5 } as const;

export const relay = async (setting: Setting): Promise<readonly Figure[]> => {
  const isProfiled = setting.options.profile !== undefined;
  await using servers = await setting.servers(isProfiled ? { execArgv: inspectArgv } : {});
  await using senders = Child.spawn('load');
  await using receivers = Child.spawn('load');
  const load = new RelayLoad({ senders, receivers });
  const figures: Figure[] = [];
  for (const variant of variants) figures.push(...(await measure(setting, servers.contenders, { load, variant })));
  return [...figures, ...besideSingle(setting, figures)];
};

const measure = async (
  setting: Setting,
  contenders: readonly Contender[],
  { load, variant }: { load: RelayLoad; variant: Variant },
): Promise<readonly Figure[]> => {
  const { client, pairs } = variant;
  const { seconds } = setting.options;
  const what = nameOf(variant);
  const groups = new Map<string, string>();
  for (const { name, server } of contenders) {
    const group = setting.unique('relay');
    groups.set(name, group);
    await load.open({ group, server, client, pairs });
  }
  const run = (contender: Contender, forSeconds: number): Promise<Relayed> =>
    load.run(contender, { group: groups.get(contender.name) ?? '', payloadBytes, seconds: forSeconds });
  const measured = await inRounds(setting, contenders, {
    what: `relay, ${what}`,
    warmUp: (contender) => run(contender, seconds / 2),
    measure: (contender) => run(contender, seconds),
  });
  for (const contender of contenders)
    await profileOf(contender, { setting, what: `relay ${client} ${pairs}`, run: () => run(contender, seconds) });
  for (const group of groups.values()) await load.close(group);
  return besideBare(setting, measured, {
    line: 'relay',
    what,
    unit: 'msg/s',
    value: ({ messagesPerSecond }) => messagesPerSecond,
    // What the efficient client shows is the server's room above that, and no bar.
    budgets: client === 'grpc-js' ? [budget] : [],
    note: (ours, bare) => `server CPU ${cpu(ours)} against ${cpu(bare)} µs a message`,
  });
};

const nameOf = ({ client, pairs }: Variant): string => `${pairs} ${pairs === 1 ? 'pair' : 'pairs'}, ${client}`;

/** What batches gain over a message a frame. */
const besideSingle = ({ options }: Setting, figures: readonly Figure[]): readonly Figure[] =>
  options.compositions.flatMap((composition) => {
    const find = (client: ClientKind): Figure | undefined =>
      figures.find((figure) => figure.composition === composition && figure.what === nameOf({ client, pairs: 10 }));
    const [batch, single] = [find('batch'), find('grpc-js')];
    if (batch === undefined || single === undefined) return [];
    return [
      {
        ...batch,
        what: `${batch.what}, beside single`,
        ceiling: single.ours,
        ceilingName: 'ours, one frame a message',
        budgets: [batchBudget],
      },
    ];
  });

const cpu = (measured: readonly Relayed[]): string => median(measured.map(({ cpuUs }) => cpuUs)).toFixed(1);
