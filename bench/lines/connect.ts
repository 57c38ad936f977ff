/** Many clients that connect at once, and all of them again after all were cut off. */
import { Child } from '../harness/child.ts';
import type { Budget, Figure } from '../harness/figures.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import type { Connected } from '../programs/connector.ts';

interface ComeAndGone {
  readonly first: Connected;
  readonly back: Connected;
}

const warmUpClients = 200;

export const connect = async (setting: Setting): Promise<readonly Figure[]> => {
  const { connections } = setting.options;
  await using servers = await setting.servers();
  await using connector = Child.spawn('connector');
  const once = async ({ server }: Contender, clients: number): Promise<ComeAndGone> => {
    const workspace = setting.unique('connect');
    const all = { server, workspace, kind: 'grpc-js', clients, atOnce: clients } as const;
    const first = await connector.call('connect', all);
    const back = await connector.call('reconnect', { server, workspace });
    await connector.call('close', { workspace });
    return { first, back };
  };
  const measured = await inRounds(setting, servers.contenders, {
    what: `${connections} connections at once`,
    warmUp: (contender) => once(contender, Math.min(warmUpClients, connections)),
    measure: (contender) => once(contender, connections),
  });
  const figures = (what: string, budgets: readonly Budget[], of: (measured: ComeAndGone) => Connected) =>
    besideBare(setting, measured, {
      line: 'connect',
      what,
      unit: 'connects/s',
      value: (both) => (connections * 1000) / of(both).ms,
      budgets,
    });
  const ratio = { of: 'ratio', bound: 'at least', limit: 0.4 } as const;
  const value = { of: 'value', bound: 'at least', limit: 1000 } as const;
  return [
    ...figures(`${connections} at once`, [ratio, value], ({ first }) => first),
    ...figures('all back after all dropped', [ratio], ({ back }) => back),
    ...besideBare(setting, measured, {
      line: 'connect',
      what: 'attempts refused',
      unit: 'connects',
      value: (both) => refusalsOf(both).length,
      budgets: [{ of: 'value', bound: 'at most', limit: 0 }],
      note: (ours) => [...new Set(ours.flatMap(refusalsOf))].join('; '),
    }),
  ];
};

const refusalsOf = ({ first, back }: ComeAndGone): readonly string[] => [...first.refusals, ...back.refusals];
