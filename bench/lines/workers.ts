/** The relay through two processes behind one port, beside one: what more cores bring. Of the stack only. */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { RelayLoad } from '../harness/relay-load.ts';
import type { Contender, Servers, Setting } from '../harness/setting.ts';
import type { ClientKind } from '../wire/wire-client.ts';

const pairs = 10;
const payloadBytes = 256;
const clients: readonly ClientKind[] = ['grpc-js', 'http2'];
const counts = ['1', '2'] as const;
type Count = (typeof counts)[number];

export const workers = async (setting: Setting): Promise<readonly Figure[]> => {
  if (!setting.options.compositions.includes('stack')) return [];
  await using opened = new AsyncDisposableStack();
  const servers = new Map<Count, Servers>();
  for (const count of counts)
    servers.set(count, opened.use(await (await setting.place('stack', { workers: count })).open()));
  const figures: Figure[] = [];
  for (const client of clients) figures.push(await measure(setting, servers, client));
  return figures;
};

const measure = async (setting: Setting, servers: ReadonlyMap<Count, Servers>, client: ClientKind): Promise<Figure> => {
  const { rounds, seconds, progress } = setting.options;
  await using senders = Child.spawn('load');
  await using receivers = Child.spawn('load');
  const load = new RelayLoad({ senders, receivers });
  const rates: Readonly<Record<Count, number[]>> = { 1: [], 2: [] };
  const groups = new Map<Count, string>();
  const run = async (count: Count, forSeconds: number): Promise<number> => {
    const contender = servers.get(count)?.contenders[0];
    const group = groups.get(count);
    if (contender === undefined || group === undefined) throw new Error(`no gateway with ${count} workers`);
    return (await load.run(contender, { group, payloadBytes, seconds: forSeconds })).messagesPerSecond;
  };
  for (const count of counts) {
    groups.set(count, setting.unique('workers'));
    await load.open({ group: groups.get(count) ?? '', server: serverOf(servers.get(count)), client, pairs });
    await run(count, seconds / 2);
  }
  for (let round = 0; round < rounds; round += 1)
    for (const count of round % 2 === 0 ? counts : counts.toReversed()) {
      progress(`workers, ${client}: round ${round + 1} of ${rounds}, ${count}`);
      rates[count].push(await run(count, seconds));
    }
  return {
    line: 'workers',
    what: `2 workers, ${pairs} pairs, ${client}`,
    composition: 'stack',
    unit: 'msg/s',
    ours: rates[2],
    ceiling: rates[1],
    ceilingName: 'ours, 1 process',
    budgets: [],
    note: 'clients, broker and gateways share the cores of this machine',
  };
};

const serverOf = (servers: Servers | undefined): Contender['server'] => {
  const contender = servers?.contenders[0];
  if (contender === undefined) throw new Error('no gateway');
  return contender.server;
};
