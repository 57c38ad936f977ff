/** Large messages, and what they do to small ones of others beside them. */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { RelayLoad } from '../harness/relay-load.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Setting } from '../harness/setting.ts';
import type { Delays } from '../programs/latency.ts';

interface Mixed {
  readonly mebibytesPerSecond: number;
  readonly small: Delays;
}

const payloadBytes = 256 * 1024;
const largePairs = 4;
const smallPairs = 10;
const smallPerSecond = 200;

export const large = async (setting: Setting): Promise<readonly Figure[]> => {
  await using servers = await setting.servers();
  await using senders = Child.spawn('load');
  await using receivers = Child.spawn('load');
  await using small = Child.spawn('latency');
  const load = new RelayLoad({ senders, receivers });
  const group = setting.unique('large');
  const groupOf = (name: string): string => `${group}${name}`;
  for (const { name, server } of servers.contenders) {
    await load.open({ group: groupOf(name), server, client: 'grpc-js', pairs: largePairs });
    const workspace = setting.unique('small');
    await small.call('open', { group: name, server, workspace, pairs: smallPairs });
  }
  const { seconds } = setting.options;
  const measured = await inRounds<Mixed>(setting, servers.contenders, {
    what: 'large messages',
    warmUp: (contender) => load.run(contender, { group: groupOf(contender.name), payloadBytes, seconds: seconds / 2 }),
    measure: async (contender) => {
      const [relayed, delays] = await Promise.all([
        load.run(contender, { group: groupOf(contender.name), payloadBytes, seconds }),
        small.call('pace', { group: contender.name, perSecond: smallPerSecond, seconds }),
      ]);
      return { mebibytesPerSecond: relayed.messagesPerSecond * (payloadBytes / 1024 / 1024), small: delays };
    },
  });
  const common = { line: 'large' } as const;
  return [
    ...besideBare(setting, measured, {
      ...common,
      what: `256 KiB messages, ${largePairs} pairs`,
      unit: 'MiB/s',
      value: ({ mebibytesPerSecond }) => mebibytesPerSecond,
      budgets: [{ of: 'ratio', bound: 'at least', limit: 0.5 }],
    }),
    ...besideBare(setting, measured, {
      ...common,
      what: `256 B beside them, ${smallPerSecond}/s, p50`,
      unit: 'ms',
      value: (mixed) => mixed.small.p50Ms,
      budgets: [{ of: 'ratio', bound: 'at most', limit: 2 }],
    }),
  ];
};
