/** Pairs of clients, the senders in one process and the receivers in another. */
import type { Load } from '../programs/load.ts';
import type { ServerAddress } from '../wire/agent.ts';
import { agentTopic } from '../wire/frames.ts';
import type { ClientKind } from '../wire/wire-client.ts';
import type { Child } from './child.ts';
import { cpuMsOf } from './process-usage.ts';
import type { Contender } from './setting.ts';

export interface OpenPairs {
  /** Also their workspace, so nobody else's. */
  readonly group: string;
  readonly server: ServerAddress;
  readonly client: ClientKind;
  readonly pairs: number;
}

export interface RelayRun {
  readonly group: string;
  readonly payloadBytes: number;
  readonly seconds: number;
}

/** From the first message sent to the last received. */
export interface Relayed {
  readonly messagesPerSecond: number;
  /** Of the server, for one message. */
  readonly cpuUs: number;
}

interface Group {
  readonly targets: readonly string[];
  sent: number;
}

export class RelayLoad {
  readonly #senders: Child<Load>;
  readonly #receivers: Child<Load>;
  readonly #groups = new Map<string, Group>();

  constructor({ senders, receivers }: { readonly senders: Child<Load>; readonly receivers: Child<Load> }) {
    this.#senders = senders;
    this.#receivers = receivers;
  }

  async open({ group, server, client, pairs }: OpenPairs): Promise<void> {
    const targets = Array.from({ length: pairs }, (_, index) => agentTopic(group, `r${index}`));
    const members = (role: 'send' | 'receive') =>
      targets.map((key, index) => ({
        name: { workspace: group, specifier: `${role === 'send' ? 's' : 'r'}${index}` },
        route: { role, key },
      }));
    await this.#receivers.call('open', { group, server, client, members: members('receive') });
    await this.#senders.call('open', { group, server, client, members: members('send') });
    this.#groups.set(group, { targets, sent: 0 });
  }

  async run({ pid }: Contender, { group: name, payloadBytes, seconds }: RelayRun): Promise<Relayed> {
    const group = this.#groups.get(name);
    if (group === undefined) throw new Error(`no group ${name}`);
    const cpuBeforeMs = cpuMsOf(pid);
    const { sent, startedMs } = await this.#senders.call('send', {
      group: name,
      targets: group.targets,
      payloadBytes,
      seconds,
    });
    group.sent += sent;
    const { lastMs } = await this.#receivers.call('awaitDeliveries', { group: name, deliveries: group.sent });
    return {
      messagesPerSecond: (sent * 1000) / (lastMs - startedMs),
      cpuUs: ((cpuMsOf(pid) - cpuBeforeMs) * 1000) / sent,
    };
  }

  async close(group: string): Promise<void> {
    await this.#senders.call('close', { group });
    await this.#receivers.call('close', { group });
    this.#groups.delete(group);
  }
}
