/** Clients that lose their gateway and go on at another one, while somebody there sends to each of them all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent } from '../../sdk/typescript/src/index.ts';
import { nowMs } from '../harness/statistics.ts';
import { type Agent, NotLetIn, openAgent, type ServerAddress } from '../wire/agent.ts';
import { agentTopic, parcelOf, sendMessage } from '../wire/frames.ts';
import type { Member } from '../wire/wire-client.ts';

/** With its session id, without it, or as our SDK does by itself. */
export type ComeBack = 'resumed' | 'anew' | 'sdk';

export interface Settle {
  readonly from: ServerAddress;
  readonly to: ServerAddress;
  readonly workspace: string;
  readonly clients: number;
  /** Both are gateways of one fabric: what is sent at the one comes at the other, and nothing is lost. */
  readonly isFabric: boolean;
  readonly comeBack: ComeBack;
}

export interface Outage {
  /** When the client saw its connection end; on the SDK, when the last message came before the longest silence. */
  readonly lostMs: number;
  /** When the first message came after it. */
  readonly firstMs: number;
}

export interface Survived {
  readonly outages: readonly Outage[];
  /** Messages that were accepted and that nobody got. */
  readonly lost: number;
}

const sendEveryMs = 25;
/** Messages. */
const settledAfter = 5;
const retryMs = 20;
const patienceMs = 30_000;

interface Survivor {
  readonly outage: Promise<Outage>;
  /** Messages it has had, none counted twice where they can be told apart. */
  readonly received: () => number;
  readonly leave: () => void;
}

interface Group {
  readonly survivors: readonly Survivor[];
  readonly sender: Sender;
  readonly isFabric: boolean;
}

export class Survivors {
  #group: Group | undefined;

  /** Resolves when all are connected and are sent to. */
  async settle({ from, to, workspace, clients, isFabric, comeBack }: Settle): Promise<void> {
    const specifiers = Array.from({ length: clients }, (_, index) => `c${index}`);
    const survivors: Survivor[] = [];
    for (const specifier of specifiers) {
      const place = { from, to, workspace, specifier };
      survivors.push(await (comeBack === 'sdk' ? surviveBySdk(place) : surviveOnWire(place, comeBack)));
    }
    const sender = new Sender();
    await sender.start(to, workspace, specifiers);
    if (isFabric) await until(() => survivors.every(({ received }) => received() >= settledAfter), patienceMs);
    this.#group = { survivors, sender, isFabric };
  }

  /** Resolves when all have gone on, and all that was sent is there or has had time enough. */
  async survived({ graceMs }: { readonly graceMs: number }): Promise<Survived> {
    if (this.#group === undefined) throw new Error('nobody is settled');
    const { survivors, sender, isFabric } = this.#group;
    const outages = await Promise.all(survivors.map(({ outage }) => outage));
    const each = await sender.stop();
    const missing = (): number => survivors.reduce((total, { received }) => total + Math.max(0, each - received()), 0);
    if (isFabric) await until(() => missing() === 0, graceMs);
    for (const { leave } of survivors) leave();
    return { outages, lost: isFabric ? missing() : 0 };
  }
}

/** Looks again and again, but not for longer than that. */
const until = async (holds: () => boolean, ms: number): Promise<void> => {
  const untilMs = nowMs() + ms;
  while (!holds() && nowMs() < untilMs) await delay(sendEveryMs);
};

/** Sends to each of many, a message at a time, from a connection for each. */
class Sender {
  readonly #agents: Agent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  async start(server: ServerAddress, workspace: string, specifiers: readonly string[]): Promise<void> {
    for (const specifier of specifiers) {
      const member = memberOf({ workspace, specifier: `to-${specifier}`, key: specifier, role: 'send' });
      this.#agents.push(await openAgent({ kind: 'grpc-js', server, member }));
    }
    const topics = specifiers.map((specifier) => agentTopic(workspace, specifier));
    this.#timer = setInterval(() => this.#send(topics), sendEveryMs);
  }

  /** Resolves when all is accepted, with how many were sent to each. */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    for (const { client } of this.#agents) client.halfClose();
    const statuses = await Promise.all(this.#agents.map(({ ended }) => ended));
    if (statuses.some((status) => status !== 0)) throw new Error(`senders ended with status ${statuses.join()}`);
    return this.#sent;
  }

  #send(topics: readonly string[]): void {
    this.#sent += 1;
    const payload = Buffer.from(String(this.#sent));
    for (const [index, { client }] of this.#agents.entries())
      client.send(parcelOf([sendMessage(topics[index] ?? '', payload)]));
  }
}

interface Place {
  readonly from: ServerAddress;
  readonly to: ServerAddress;
  readonly workspace: string;
  readonly specifier: string;
}

const surviveOnWire = async (place: Place, comeBack: 'resumed' | 'anew'): Promise<Survivor> => {
  const { from, to, workspace, specifier } = place;
  const member = memberOf({ workspace, specifier, key: specifier, role: 'receive' });
  let received = 0;
  const first = Promise.withResolvers<number>();
  const count = (more: number): void => void (received += more);
  const before = await openAgent({ kind: 'grpc-js', server: from, member, onDeliveries: count });
  const after = Promise.withResolvers<Agent>();
  const goOn = async (): Promise<Outage> => {
    await before.ended;
    const lostMs = nowMs();
    const onDeliveries = (more: number): void => {
      first.resolve(nowMs());
      count(more);
    };
    const resumeSessionId = comeBack === 'resumed' ? before.sessionId : '';
    const connect = () =>
      openAgent({ kind: 'grpc-js', server: to, member, resumeSessionId, onDeliveries, onRefusal: () => undefined });
    after.resolve(await insist(connect));
    return { lostMs, firstMs: await first.promise };
  };
  const leave = (): void => void after.promise.then(({ client }) => client.destroy());
  return { outage: goOn(), received: () => received, leave };
};

/** As clients do whose identity is still taken. */
const insist = async (connect: () => Promise<Agent>): Promise<Agent> => {
  const untilMs = nowMs() + patienceMs;
  for (;;)
    try {
      return await connect();
    } catch (thrown) {
      if (!(thrown instanceof NotLetIn) || nowMs() > untilMs) throw thrown;
      await delay(retryMs);
    }
};

const surviveBySdk = async ({ from, to, workspace, specifier }: Place): Promise<Survivor> => {
  const address = [from.address, to.address];
  const client = await connectAgent({ address, workspace, implementation: 'load', specifier });
  const numbers = new Set<string>();
  const outage = Promise.withResolvers<Outage>();
  const statuses = { lost: false, isBack: false };
  let silence: Outage = { lostMs: 0, firstMs: 0 };
  let lastMs = nowMs();
  client.onStatus(({ state }) => {
    statuses.isBack = statuses.lost && state === 'connected';
    statuses.lost ||= state !== 'connected';
  });
  client.onMessage((message) => {
    numbers.add(message.text());
    const now = nowMs();
    if (numbers.size > 1 && now - lastMs > silence.firstMs - silence.lostMs) silence = { lostMs: lastMs, firstMs: now };
    lastMs = now;
    if (statuses.isBack) outage.resolve(silence);
  });
  return { outage: outage.promise, received: () => numbers.size, leave: () => void client.close() };
};

const memberOf = ({
  workspace,
  specifier,
  key,
  role,
}: {
  readonly workspace: string;
  readonly specifier: string;
  readonly key: string;
  readonly role: 'send' | 'receive';
}): Member => ({ name: { workspace, specifier }, route: { role, key: `${workspace} ${key}` } });
