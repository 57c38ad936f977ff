/**
 * From a client's write to its recipient's callback. Sender and recipient are in one process and share its clock. Nothing
 * waits for an answer before it sends the next, so a server that is slow does not get fewer messages for it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../harness/statistics.ts';
import { type Agent, openAgent, type ServerAddress } from '../wire/agent.ts';
import { agentTopic, type Parcel, parcelOf, sendMessage } from '../wire/frames.ts';

export interface OpenPairs {
  readonly group: string;
  readonly server: ServerAddress;
  /** The pairs' own. */
  readonly workspace: string;
  readonly pairs: number;
}

export interface Pace {
  readonly group: string;
  /** Of all pairs together, which take turns. */
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Delays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly messages: number;
}

interface Pair {
  readonly sender: Agent;
  readonly recipient: Agent;
  readonly parcel: Parcel;
  /** When the messages that are on their way were sent; they arrive in order. */
  readonly sentMs: number[];
  arrived: PromiseWithResolvers<void> | undefined;
}

interface Group {
  readonly pairs: readonly Pair[];
  delaysMs: number[];
}

const payload = Buffer.alloc(256, 7);
const lateMs = 30_000;

export class Latency {
  readonly #groups = new Map<string, Group>();

  async open({ group: name, server, workspace, pairs: count }: OpenPairs): Promise<void> {
    const pairs: Pair[] = [];
    const group: Group = { pairs, delaysMs: [] };
    for (let index = 0; index < count; index += 1) pairs.push(await openPair(group, { server, workspace, index }));
    this.#groups.set(name, group);
  }

  /** Messages at a steady pace. */
  async pace({ group: name, perSecond, seconds }: Pace): Promise<Delays> {
    const group = this.#group(name);
    group.delaysMs = [];
    const startedMs = performance.now();
    const total = Math.max(1, Math.round(perSecond * seconds));
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, 1 + Math.floor(((performance.now() - startedMs) * perSecond) / 1000));
      for (; sent < due; sent += 1) send(group.pairs[sent % group.pairs.length]);
      await delay(Math.max(1, startedMs + (sent * 1000) / perSecond - performance.now()));
    }
    await allArrived(group, total);
    return summary(group.delaysMs);
  }

  /** One message to each recipient, the next when the last has arrived. */
  async eachOnce({ group: name }: { readonly group: string }): Promise<Delays> {
    const group = this.#group(name);
    group.delaysMs = [];
    for (const pair of group.pairs) {
      pair.arrived = Promise.withResolvers();
      send(pair);
      await pair.arrived.promise;
    }
    return summary(group.delaysMs);
  }

  close({ group: name }: { readonly group: string }): void {
    for (const { sender, recipient } of this.#group(name).pairs) {
      sender.client.destroy();
      recipient.client.destroy();
    }
    this.#groups.delete(name);
  }

  #group(name: string): Group {
    const group = this.#groups.get(name);
    if (group === undefined) throw new Error(`no group ${name}`);
    return group;
  }
}

const summary = (delaysMs: readonly number[]): Delays => ({
  p50Ms: percentile(delaysMs, 0.5),
  p99Ms: percentile(delaysMs, 0.99),
  messages: delaysMs.length,
});

const send = (pair: Pair | undefined): void => {
  pair?.sentMs.push(performance.now());
  pair?.sender.client.send(pair.parcel);
};

const allArrived = async ({ delaysMs }: Group, total: number): Promise<void> => {
  const untilMs = performance.now() + lateMs;
  while (delaysMs.length < total) {
    if (performance.now() > untilMs) throw new Error(`${delaysMs.length} of ${total} came within ${lateMs} ms`);
    await delay(10);
  }
};

const openPair = async (
  group: Group,
  { server, workspace, index }: { server: ServerAddress; workspace: string; index: number },
): Promise<Pair> => {
  const name = `r${index}`;
  const target = agentTopic(workspace, name);
  const onDeliveries = (count: number): void => {
    const nowMs = performance.now();
    for (const sentMs of pair.sentMs.splice(0, count)) group.delaysMs.push(nowMs - sentMs);
    pair.arrived?.resolve();
  };
  const kind = 'grpc-js';
  const receive = { name: { workspace, specifier: name }, route: { role: 'receive' as const, key: target } };
  const recipient = await openAgent({ kind, server, member: receive, onDeliveries });
  const route = { role: 'send' as const, key: target };
  const sender = await openAgent({ kind, server, member: { name: { workspace, specifier: `s${index}` }, route } });
  const parcel = parcelOf([sendMessage(target, payload)]);
  const pair: Pair = { sender, recipient, parcel, sentMs: [], arrived: undefined };
  return pair;
};
