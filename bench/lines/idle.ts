/** What connections cost that do nothing: memory without garbage, and processor time over a renewal of their leases. */
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { Inspector, inspectArgv } from '../harness/inspector.ts';
import { cpuMsOf, residentBytesOf } from '../harness/process-usage.ts';
import { besideBare } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import type { Connector } from '../programs/connector.ts';

interface Idle {
  readonly bytesPerConnection: number;
  /** Cores. */
  readonly processor: number;
}

/** Connected before, so that what is loaded and compiled once is not counted. */
const firstClients = 200;
const atOnce = 50;
const settleMs = 500;
/** With the usual seconds it is longer than the leases' renewal every 10 s. */
const longer = 4;

/** Every round has servers of its own: memory that was once used is not given back. */
export const idle = async (setting: Setting): Promise<readonly Figure[]> => {
  const { connections, rounds, progress } = setting.options;
  const all = new Map<Contender['name'], Idle[]>();
  for (let round = 0; round < rounds; round += 1) {
    await using servers = await setting.servers({ execArgv: inspectArgv });
    await using connector = Child.spawn('connector');
    progress(`idle: round ${round + 1} of ${rounds}`);
    for (const [name, measured] of await oneRound(setting, servers.contenders, connector))
      all.set(name, [...(all.get(name) ?? []), measured]);
  }
  const what = `${connections} connections`;
  return [
    ...besideBare(setting, all, {
      line: 'idle',
      what: `${what}, memory of one`,
      unit: 'KB',
      value: ({ bytesPerConnection }) => bytesPerConnection / 1000,
      budgets: [{ of: 'ratio', bound: 'at most', limit: 1.5 }],
    }),
    ...besideBare(setting, all, {
      line: 'idle',
      what: `${what}, processor`,
      unit: 'cores',
      value: ({ processor }) => processor,
      budgets: [{ of: 'value', bound: 'at most', limit: 0.1 }],
    }),
  ];
};

const oneRound = async (
  setting: Setting,
  contenders: readonly Contender[],
  connector: Child<Connector>,
): Promise<ReadonlyMap<Contender['name'], Idle>> => {
  const { connections, seconds } = setting.options;
  const bytes = new Map<Contender['name'], number>();
  for (const contender of contenders) {
    const open = (clients: number) =>
      connector.call('connect', {
        server: contender.server,
        kind: 'http2',
        workspace: setting.unique('idle'),
        clients,
        atOnce,
      });
    await open(firstClients);
    const before = await usedBytes(contender);
    await open(connections);
    bytes.set(contender.name, ((await usedBytes(contender)) - before) / connections);
  }
  const before = contenders.map(({ pid }) => cpuMsOf(pid));
  const windowMs = seconds * longer * 1000;
  await delay(windowMs);
  return new Map(
    contenders.map(({ name, pid }, index) => [
      name,
      {
        bytesPerConnection: bytes.get(name) ?? Number.NaN,
        processor: (cpuMsOf(pid) - (before[index] ?? 0)) / windowMs,
      },
    ]),
  );
};

const usedBytes = async ({ pid, errors }: Contender): Promise<number> => {
  await delay(settleMs);
  using inspector = await Inspector.connect(errors());
  await inspector.collectGarbage();
  await delay(settleMs);
  return residentBytesOf(pid);
};
