/** Connections that ask for the same key-value operation again and again, so many at a time. */
import { DownstreamMessage, UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { KVOperation, KVOperation_OpType as Op, KVOperation_Scope as Scope } from '../../src/gen/aether/v1/kv.ts';
import { nowMs } from '../harness/statistics.ts';
import type { ServerAddress } from '../wire/agent.ts';
import { initMessage, type Parcel, parcelOf } from '../wire/frames.ts';
import { openGrpcClient } from '../wire/grpc-client.ts';
import type { WireClient } from '../wire/wire-client.ts';
import { bareDeliveryTag } from './bare-server.ts';

export type KvOperationName = 'put' | 'get' | 'increment';

export interface OpenKv {
  readonly group: string;
  readonly server: ServerAddress;
  readonly workspace: string;
  readonly connections: number;
}

export interface RunKv {
  readonly group: string;
  readonly operation: KvOperationName;
  readonly seconds: number;
}

export interface KvRate {
  readonly operationsPerSecond: number;
  readonly operations: number;
}

/** Of one connection at a time: what a client with some parallel work has. */
const outstanding = 16;
const keys = 100;
const valueBytes = 256;
const openTimeoutMs = 30_000;

/** First bytes of a gateway's answer, and of a question, which the bare server gives back. */
const [answerTag, questionTag] = [0x2a, 0x22];

export class KvLoad {
  readonly #groups = new Map<string, readonly Asking[]>();

  async open({ group, server, workspace, connections }: OpenKv): Promise<void> {
    const opening = Array.from({ length: connections }, (_, index) => Asking.open({ server, workspace, index }));
    this.#groups.set(group, await Promise.all(opening));
  }

  /** Until the time is over and everything asked is answered. Throws at the first that is refused. */
  async run({ group, operation, seconds }: RunKv): Promise<KvRate> {
    const all = this.#groups.get(group) ?? [];
    const startedMs = nowMs();
    const untilMs = startedMs + seconds * 1000;
    const answered = await Promise.all(all.map((one) => one.run(operation, untilMs)));
    const operations = answered.reduce((total, count) => total + count, 0);
    return { operations, operationsPerSecond: (operations * 1000) / (nowMs() - startedMs) };
  }

  close({ group }: { readonly group: string }): void {
    for (const one of this.#groups.get(group) ?? []) one.close();
    this.#groups.delete(group);
  }
}

class Asking {
  readonly #client: WireClient;
  readonly #index: number;
  readonly #isBare: boolean;
  readonly #opened = Promise.withResolvers<void>();
  #questions: readonly Parcel[] = [];
  #untilMs = 0;
  #asked = 0;
  #answered = 0;
  #done = unheard();

  static async open(options: Omit<OpenKv, 'group' | 'connections'> & { readonly index: number }): Promise<Asking> {
    const asking = new Asking(options);
    const late = setTimeout(() => asking.#opened.reject(new Error('no acknowledgement')), openTimeoutMs);
    await asking.#opened.promise;
    clearTimeout(late);
    return asking;
  }

  private constructor({
    server,
    workspace,
    index,
  }: Omit<OpenKv, 'group' | 'connections'> & { readonly index: number }) {
    this.#index = index;
    this.#isBare = server.deliveryTag === bareDeliveryTag;
    const deliveryTag = this.#isBare ? questionTag : answerTag;
    const target = { address: server.address, deliveryTag, route: { role: 'echo' as const, key: '' } };
    this.#client = openGrpcClient(target, {
      onDeliveries: () => this.#heard(),
      onFrame: (frame) => this.#hear(frame),
      onEnd: (status, details) => this.#fail(new Error(`status ${status}: ${details}`)),
    });
    this.#client.send(parcelOf([initMessage({ workspace, specifier: `kv${index}` })]));
  }

  /** Answers with how many were answered. */
  run(operation: KvOperationName, untilMs: number): Promise<number> {
    this.#questions = Array.from({ length: keys }, (_, key) => questionOf(operation, `${this.#index}-${key}`));
    this.#untilMs = untilMs;
    this.#done = unheard();
    this.#answered = 0;
    this.#asked = 0;
    while (this.#asked < outstanding) this.#ask();
    return this.#done.promise;
  }

  close(): void {
    this.#client.destroy();
  }

  #ask(): void {
    const question = this.#questions[this.#asked % keys];
    this.#asked += 1;
    if (question !== undefined) this.#client.send(question);
  }

  #heard(): void {
    this.#answered += 1;
    if (nowMs() < this.#untilMs) this.#ask();
    else if (this.#answered === this.#asked) this.#done.resolve(this.#answered);
  }

  #hear(frame: Buffer): void {
    const { payload } = DownstreamMessage.decode(frame);
    if (payload?.$case === 'connectionAck') this.#opened.resolve();
    if (payload?.$case === 'error') this.#fail(new Error(`${payload.value.code}: ${payload.value.message}`));
  }

  #fail(error: Error): void {
    this.#opened.reject(error);
    this.#done.reject(error);
  }
}

/** Whose failure may come while nobody waits. */
const unheard = (): PromiseWithResolvers<number> => {
  const resolvers = Promise.withResolvers<number>();
  resolvers.promise.catch(() => undefined);
  return resolvers;
};

const operations: Readonly<Record<KvOperationName, Partial<KVOperation>>> = {
  put: { op: Op.PUT, value: Buffer.alloc(valueBytes, 7) },
  get: { op: Op.GET },
  increment: { op: Op.INCREMENT, deltaValue: 1n },
};

/** Counters have keys of their own. */
const questionOf = (operation: KvOperationName, key: string): Parcel => {
  const value: KVOperation = {
    ...KVOperation.decode(new Uint8Array()),
    ...operations[operation],
    key: `${operation === 'increment' ? 'count' : 'value'}-${key}`,
    scope: Scope.WORKSPACE,
    requestId: 'r',
  };
  const payload = { $case: 'kvOp', value } as const;
  return parcelOf([Buffer.from(UpstreamMessage.encode({ payload, activeExtensions: [] }).finish())]);
};
