/** Key-value operations of 16 connections, beside a server that gives each question back as it came. */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { inspectArgv } from '../harness/inspector.ts';
import { cpuMsOf } from '../harness/process-usage.ts';
import { profileOf } from '../harness/profile.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import { median } from '../harness/statistics.ts';
import type { KvLoad, KvOperationName, KvRate } from '../programs/kv-load.ts';

const connections = 16;
/** What is got has been put. */
const operations: readonly KvOperationName[] = ['put', 'get', 'increment'];
const atLeast = { embedded: 0.6, stack: 0.5 } as const;

interface Measured extends KvRate {
  /** Of the server's process, for one operation. */
  readonly cpuUs: number;
}

export const kv = async (setting: Setting): Promise<readonly Figure[]> => {
  const isProfiled = setting.options.profile !== undefined;
  await using servers = await setting.servers(isProfiled ? { execArgv: inspectArgv } : {});
  await using clients = Child.spawn('kv-load');
  for (const { name, server } of servers.contenders)
    await clients.call('open', { group: name, server, workspace: setting.unique('kv'), connections });
  const figures: Figure[] = [];
  for (const operation of operations)
    figures.push(...(await measure(setting, servers.contenders, { clients, operation })));
  return figures;
};

const measure = async (
  setting: Setting,
  contenders: readonly Contender[],
  { clients, operation }: { clients: Child<KvLoad>; operation: KvOperationName },
): Promise<readonly Figure[]> => {
  const { seconds } = setting.options;
  const run = async ({ name, pid }: Contender, forSeconds: number): Promise<Measured> => {
    const beforeMs = cpuMsOf(pid);
    const rate = await clients.call('run', { group: name, operation, seconds: forSeconds });
    return { ...rate, cpuUs: ((cpuMsOf(pid) - beforeMs) * 1000) / rate.operations };
  };
  const measured = await inRounds(setting, contenders, {
    what: `kv, ${operation}`,
    warmUp: (contender) => run(contender, seconds / 2),
    measure: (contender) => run(contender, seconds),
  });
  for (const contender of contenders)
    await profileOf(contender, { setting, what: `kv ${operation}`, run: () => run(contender, seconds) });
  const figures = besideBare(setting, measured, {
    line: 'kv',
    what: `${operation}, ${connections} connections`,
    unit: 'operations/s',
    value: ({ operationsPerSecond }) => operationsPerSecond,
    budgets: [],
    note: (ours, bare) => `server CPU ${cpu(ours)} against ${cpu(bare)} µs an operation`,
  });
  return figures.map((figure) => ({
    ...figure,
    ceilingName: 'bare echo',
    budgets: [{ of: 'ratio', bound: 'at least', limit: atLeast[figure.composition] }],
  }));
};

const cpu = (measured: readonly Measured[]): string => median(measured.map(({ cpuUs }) => cpuUs)).toFixed(1);
