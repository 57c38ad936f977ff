/** Agents that go away, are sent something, and come back. */
import { nowMs } from '../harness/statistics.ts';
import { openAgent, type ServerAddress } from '../wire/agent.ts';
import { agentTopic, parcelOf, sendMessage } from '../wire/frames.ts';

/** Who of a workspace. */
export interface Someone {
  readonly server: ServerAddress;
  readonly workspace: string;
  readonly specifier: string;
}

export interface Returned {
  /** From beginning to connect to the first message, and to the last. */
  readonly firstMs: number;
  readonly allMs: number;
}

const patienceMs = 120_000;

export class Returner {
  /** Connects once, so that whatever is sent from then on is kept, and leaves. */
  async leave(someone: Someone): Promise<void> {
    const { client, ended } = await open(someone);
    client.halfClose();
    await ended;
  }

  /** Resolves when all of them are durable. */
  async send({ count, to, payloadBytes, ...sender }: Sending): Promise<void> {
    const { client, ended } = await open(sender);
    const message = sendMessage(agentTopic(sender.workspace, to), Buffer.alloc(payloadBytes, 7));
    client.send(parcelOf(Array.from({ length: count }, () => message)));
    client.halfClose();
    const status = await ended;
    if (status !== 0) throw new Error(`the messages were not taken: status ${status}`);
  }

  async return({ count, ...someone }: Someone & { readonly count: number }): Promise<Returned> {
    const all = Promise.withResolvers<void>();
    const late = setTimeout(() => all.reject(new Error(`${received} of ${count} came`)), patienceMs);
    let received = 0;
    let firstMs = 0;
    const startedMs = nowMs();
    const onDeliveries = (more: number): void => {
      if (received === 0) firstMs = nowMs() - startedMs;
      received += more;
      if (received >= count) all.resolve();
    };
    const { client } = await open(someone, onDeliveries);
    await all.promise;
    clearTimeout(late);
    const allMs = nowMs() - startedMs;
    client.destroy();
    return { firstMs, allMs };
  }
}

export interface Sending extends Someone {
  readonly to: string;
  readonly count: number;
  readonly payloadBytes: number;
}

const open = ({ server, workspace, specifier }: Someone, onDeliveries?: (count: number) => void) =>
  openAgent({
    kind: 'grpc-js',
    server,
    member: { name: { workspace, specifier }, route: { role: 'receive', key: specifier } },
    ...(onDeliveries === undefined ? {} : { onDeliveries }),
  });
