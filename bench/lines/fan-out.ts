/** One sender's broadcasts to everybody in a workspace. The sender is a service, so it does not get them itself. */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { cpuMsOf } from '../harness/process-usage.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Contender, Setting } from '../harness/setting.ts';
import { median } from '../harness/statistics.ts';
import type { Load } from '../programs/load.ts';

const sizes = [20, 100] as const;
const payloadBytes = 256;
const budgets = [{ of: 'ratio', bound: 'at least', limit: 1 }] as const;

interface Clients {
  readonly sender: Child<Load>;
  readonly recipients: Child<Load>;
}

interface FannedOut {
  readonly deliveriesPerSecond: number;
  readonly cpuUs: number;
}

export const fanOut = async (setting: Setting): Promise<readonly Figure[]> => {
  await using servers = await setting.servers();
  await using sender = Child.spawn('load');
  await using recipients = Child.spawn('load');
  const figures: Figure[] = [];
  for (const size of sizes)
    figures.push(...(await measure(setting, servers.contenders, { size, clients: { sender, recipients } })));
  return figures;
};

const measure = async (
  setting: Setting,
  contenders: readonly Contender[],
  { size, clients }: { size: number; clients: Clients },
): Promise<readonly Figure[]> => {
  const { seconds } = setting.options;
  const broadcasts = new Map<string, Broadcast>();
  for (const contender of contenders)
    broadcasts.set(contender.name, await Broadcast.open(setting.unique('fan'), { size, contender, clients }));
  const run = ({ name }: Contender, forSeconds: number): Promise<FannedOut> => {
    const broadcast = broadcasts.get(name);
    if (broadcast === undefined) throw new Error(`no clients of ${name}`);
    return broadcast.run(forSeconds);
  };
  const measured = await inRounds(setting, contenders, {
    what: `fan-out to ${size}`,
    warmUp: (contender) => run(contender, seconds / 2),
    measure: (contender) => run(contender, seconds),
  });
  for (const broadcast of broadcasts.values()) await broadcast.close();
  return besideBare(setting, measured, {
    line: 'fan-out',
    what: `to ${size} recipients`,
    unit: 'deliveries/s',
    value: ({ deliveriesPerSecond }) => deliveriesPerSecond,
    budgets,
    note: (ours, bare) => `server CPU ${cpu(ours)} against ${cpu(bare)} µs a delivery`,
  });
};

const cpu = (all: readonly FannedOut[]): string => median(all.map(({ cpuUs }) => cpuUs)).toFixed(1);

class Broadcast {
  readonly #group: string;
  readonly #clients: Clients;
  readonly #size: number;
  readonly #pid: number;
  #sent = 0;

  static async open(
    group: string,
    { size, contender: { server, pid }, clients }: { size: number; contender: Contender; clients: Clients },
  ): Promise<Broadcast> {
    const key = `ga::${group}`;
    const members = Array.from({ length: size }, (_, index) => ({
      name: { workspace: group, specifier: `r${index}` },
      route: { role: 'receive' as const, key },
    }));
    const sender = { name: { specifier: group }, route: { role: 'send' as const, key } };
    await clients.recipients.call('open', { group, server, client: 'grpc-js', members });
    await clients.sender.call('open', { group, server, client: 'grpc-js', members: [sender] });
    return new Broadcast(group, { size, pid, clients });
  }

  private constructor(group: string, { size, pid, clients }: { size: number; pid: number; clients: Clients }) {
    this.#group = group;
    this.#size = size;
    this.#pid = pid;
    this.#clients = clients;
  }

  async run(seconds: number): Promise<FannedOut> {
    const group = this.#group;
    const { sender, recipients } = this.#clients;
    const cpuBeforeMs = cpuMsOf(this.#pid);
    const { sent, startedMs } = await sender.call('send', { group, targets: [`ga::${group}`], payloadBytes, seconds });
    this.#sent += sent;
    const { lastMs } = await recipients.call('awaitDeliveries', { group, deliveries: this.#sent * this.#size });
    const deliveries = sent * this.#size;
    return {
      deliveriesPerSecond: (deliveries * 1000) / (lastMs - startedMs),
      cpuUs: ((cpuMsOf(this.#pid) - cpuBeforeMs) * 1000) / deliveries,
    };
  }

  async close(): Promise<void> {
    await this.#clients.sender.call('close', { group: this.#group });
    await this.#clients.recipients.call('close', { group: this.#group });
  }
}
