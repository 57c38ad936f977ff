/** Load clients: groups of agents, each with its connection, that send as fast as they are let, or count what comes. */
import { nowMs } from '../harness/statistics.ts';
import { type Agent, openAgent, type ServerAddress } from '../wire/agent.ts';
import { type Parcel, parcelOf, sendBatchMessage, sendMessage } from '../wire/frames.ts';
import type { ClientKind, Member } from '../wire/wire-client.ts';

export interface OpenGroup {
  readonly group: string;
  readonly server: ServerAddress;
  readonly client: ClientKind;
  readonly members: readonly Member[];
}

export interface SendLoad {
  readonly group: string;
  /** Where each member sends, in the group's order. */
  readonly targets: readonly string[];
  readonly payloadBytes: number;
  readonly seconds: number;
  /** Of all members together; without it, as many as the time allows. */
  readonly messages?: number;
}

export interface AwaitLoad {
  readonly group: string;
  readonly deliveries: number;
}

interface Group {
  readonly client: ClientKind;
  readonly agents: readonly Agent[];
  received: number;
  lastMs: number;
  readonly refusals: string[];
  goal: { readonly deliveries: number; readonly reached: () => void } | undefined;
}

/** What the efficient client writes at once. */
const burstBytes = 32 * 1024;
const batchSends = 32;
const awaitMs = 60_000;

export class Load {
  readonly #groups = new Map<string, Group>();

  async open({ group: name, server, client, members }: OpenGroup): Promise<void> {
    const agents: Agent[] = [];
    const group: Group = { client, agents, received: 0, lastMs: 0, refusals: [], goal: undefined };
    const onDeliveries = (count: number): void => take(group, count);
    const onRefusal = (text: string): void => void group.refusals.push(text);
    for (const member of members)
      agents.push(await openAgent({ kind: client, server, member, onDeliveries, onRefusal }));
    this.#groups.set(name, group);
  }

  /** Sends from all members for so long; resolves when the last message has been handed to the transport. */
  async send({
    group: name,
    targets,
    payloadBytes,
    seconds,
    messages = Infinity,
  }: SendLoad): Promise<{ sent: number; startedMs: number }> {
    const { agents, client, refusals } = this.#group(name);
    const startedMs = nowMs();
    const untilMs = startedMs + seconds * 1000;
    const most = Math.ceil(messages / agents.length);
    const sent = await Promise.all(
      agents.map((agent, index) =>
        pump(agent, parcelTo(targets[index] ?? '', payloadBytes, client), { untilMs, most }),
      ),
    );
    if (refusals.length > 0) throw new Error(`refused: ${refusals[0]}`);
    return { sent: sent.reduce((total, count) => total + count, 0), startedMs };
  }

  /** Resolves once the group has received so many in all, and no more; tells when the last came. */
  async awaitDeliveries({ group: name, deliveries }: AwaitLoad): Promise<{ lastMs: number }> {
    const group = this.#group(name);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const lost = (): void => reject(new Error(`${group.received} of ${deliveries} came within ${awaitMs} ms`));
    const timer = setTimeout(lost, awaitMs);
    group.goal = { deliveries, reached: resolve };
    take(group, 0);
    await promise;
    clearTimeout(timer);
    if (group.received > deliveries) throw new Error(`${group.received} came, ${deliveries} were sent`);
    return { lastMs: group.lastMs };
  }

  close({ group: name }: { group: string }): void {
    for (const { client } of this.#group(name).agents) client.destroy();
    this.#groups.delete(name);
  }

  #group(name: string): Group {
    const group = this.#groups.get(name);
    if (group === undefined) throw new Error(`no group ${name}`);
    return group;
  }
}

const take = (group: Group, count: number): void => {
  group.received += count;
  if (count > 0) group.lastMs = nowMs();
  if (group.goal === undefined || group.received < group.goal.deliveries) return;
  group.goal.reached();
  group.goal = undefined;
};

const parcelTo = (target: string, payloadBytes: number, client: ClientKind): Parcel => {
  const payload = Buffer.alloc(payloadBytes, 7);
  if (client === 'batch') return parcelOf([sendBatchMessage(target, payload, batchSends)], batchSends);
  const message = sendMessage(target, payload);
  const copies = client === 'grpc-js' ? 1 : Math.max(1, Math.floor(burstBytes / message.byteLength));
  return parcelOf(Array.from({ length: copies }, () => message));
};

interface Pumping {
  readonly untilMs: number;
  /** The last parcel may go a little beyond it. */
  readonly most: number;
}

const pump = async ({ client }: Agent, parcel: Parcel, { untilMs, most }: Pumping): Promise<number> => {
  let sent = 0;
  while (sent < most && nowMs() < untilMs) {
    sent += parcel.sends;
    if (!client.send(parcel)) await client.room();
  }
  return sent;
};
