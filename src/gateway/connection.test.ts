import { afterEach, describe, expect, test } from 'vitest';
import { Authorizer } from '../acl/authorizer.ts';
import { MemoryCheckpointStore } from '../adapters/memory/memory-checkpoint-store.ts';
import { MemoryCursorStore } from '../adapters/memory/memory-cursor-store.ts';
import { MemoryDeadLetterStore } from '../adapters/memory/memory-dead-letter-store.ts';
import { MemoryDelayStore } from '../adapters/memory/memory-delay-store.ts';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryKvStore } from '../adapters/memory/memory-kv-store.ts';
import { MemoryLeaseStore } from '../adapters/memory/memory-lease-store.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { MemoryQuotaLedger } from '../adapters/memory/memory-quota-ledger.ts';
import { MemoryQuotaOverrideStore } from '../adapters/memory/memory-quota-override-store.ts';
import { MemoryReceiptStore } from '../adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../adapters/memory/memory-topic-index.ts';
import { MemoryWorkQueue } from '../adapters/memory/memory-work-queue.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import { Checkpoints, defaultCheckpointSettings } from '../checkpoints/checkpoints.ts';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { Delays } from '../delays/delays.ts';
import { Signal_SignalType as SignalType } from '../gen/aether/v1/connection.ts';
import { DownstreamMessage, UpstreamMessage } from '../gen/aether/v1/gateway.ts';
import { SendMessage } from '../gen/aether/v1/message.ts';
import { defaultKvSettings, Kv } from '../kv/kv.ts';
import { FabricError } from '../model/error.ts';
import { handshakeTimeoutMs } from '../model/limits.ts';
import { noLimits } from '../model/quota.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import { Presence } from '../presence/presence.ts';
import { Quotas } from '../quotas/quotas.ts';
import { Receipts } from '../receipts/receipts.ts';
import { Router } from '../router/router.ts';
import { acceptEveryone } from './authenticate.ts';
import { Gateway } from './gateway.ts';
import { type ClientEnd, type ClientStream, connectInProcess } from './in-process.ts';

const slowConsumerMs = 120_000;
const acks = { timeoutMs: 30_000, attemptsMax: 5, outstandingMax: 256, outstandingBytesMax: 4 * 1024 * 1024 };
/** Longer than a gateway trusts its lease, shorter than the lease store does. */
const untrustedMs = 2100;
const presenceSettings = {
  identityTtlMs: 30_000,
  identityRenewEveryMs: 10_000,
  gatewayTtlMs: 2500,
  gatewayRenewEveryMs: 800,
  marginMs: 500,
};

type Up = NonNullable<UpstreamMessage['payload']>;
type Down = NonNullable<DownstreamMessage['payload']>;
type Values = { [Frame in Down as Frame['$case']]: Frame['value'] };

const agentInit = (specifier: string): Up => ({
  $case: 'init',
  value: {
    clientType: { $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier } },
    credentials: new Map(),
    resumeSessionId: '',
    extensions: [],
    clientVersion: '',
    clientSdk: 'test',
    clientBuildInfo: undefined,
  },
});

const sendTo = (specifier: string, payload: string | Uint8Array): Up => ({
  $case: 'send',
  value: {
    ...SendMessage.decode(new Uint8Array()),
    targetTopic: `ag::w::i::${specifier}`,
    payload: Buffer.from(payload),
  },
});

/** Waits for what needs things that are due to be done, but no time to pass. */
const withoutTime = async <Value>(clock: VirtualClock, promise: Promise<Value>): Promise<Value> => {
  const state = { isSettled: false };
  const settle = (): void => void (state.isSettled = true);
  promise.then(settle, settle);
  while (!state.isSettled) await clock.pass(0);
  return promise;
};

interface Served {
  readonly gateway: Gateway;
  readonly clock: VirtualClock;
}

/** A client in this process that says what it is told to and reads when it is told to. */
class TestClient {
  readonly #stream: ClientStream;
  readonly #frames: AsyncIterator<readonly Uint8Array[], ClientEnd, undefined>;
  readonly #clock: VirtualClock;
  #read: Down[] = [];

  constructor({ gateway, clock }: Served) {
    this.#clock = clock;
    this.#stream = connectInProcess(gateway);
    this.#frames = this.#stream.read();
  }

  static async connected(served: Served, specifier: string): Promise<TestClient> {
    const client = new TestClient(served);
    client.say(agentInit(specifier));
    await client.find('config');
    return client;
  }

  get isOver(): boolean {
    return this.#stream.gone.aborted;
  }

  say(payload: Up): void {
    this.#stream.write([UpstreamMessage.encode({ payload, activeExtensions: [] }).finish()], () => undefined);
  }

  halfClose(): void {
    this.#stream.end();
  }

  /** The next frame of this kind; others before it are passed over. */
  async find<Name extends keyof Values>(name: Name): Promise<Values[Name]> {
    for (;;) {
      const frame = this.#read.shift();
      if (frame?.$case === name) return frame.value as Values[Name];
      if (frame !== undefined) continue;
      const end = await this.#readOn();
      if (end !== undefined) throw new Error(`ended with ${end.code}: ${end.message}`);
    }
  }

  async texts(count: number): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < count) texts.push(Buffer.from((await this.find('msg')).payload).toString());
    return texts;
  }

  /** Reads to the end: the frames that were left, and how it ended. */
  async end(): Promise<{ readonly end: ClientEnd; readonly rest: readonly Down['$case'][] }> {
    for (;;) {
      const end = await this.#readOn();
      if (end !== undefined) return { end, rest: this.#read.map(({ $case }) => $case) };
    }
  }

  async #readOn(): Promise<ClientEnd | undefined> {
    const { value, done } = await withoutTime(this.#clock, this.#frames.next());
    if (done === true) return value;
    this.#read.push(...value.flatMap((frame) => DownstreamMessage.decode(frame).payload ?? []));
    return undefined;
  }
}

const opened: { readonly stack: AsyncDisposableStack; readonly clock: VirtualClock }[] = [];
afterEach(async () => {
  for (const { stack, clock } of opened.splice(0)) {
    const closed = stack.disposeAsync();
    await clock.pass(10_000);
    await closed;
  }
});

/** A store a gateway can be cut off from. */
const breakable = (inner: LeaseStore) => {
  const state = { isBroken: false };
  const store = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        state.isBroken && name !== 'losses'
          ? Promise.reject(new FabricError('STORE_UNAVAILABLE', 'cut off'))
          : Reflect.apply(member, target, args);
    },
  });
  return { state, store };
};

/** Gateways on the same stores. Each has a clock of its own; the stores' is the first's. */
const fabric = () => {
  const storeClock = new VirtualClock();
  const leases = new MemoryLeaseStore(storeClock);
  const stores = {
    hints: new MemoryHints(),
    messageLog: new MemoryMessageLog({ partitions: 4, spread: 4 }),
    cursorStore: new MemoryCursorStore(),
    topicIndex: new MemoryTopicIndex(),
    workQueue: new MemoryWorkQueue(),
    deadLetterStore: new MemoryDeadLetterStore(),
    delayStore: new MemoryDelayStore(storeClock),
    receiptStore: new MemoryReceiptStore({ clock: storeClock, retentionMs: 86_400_000 }),
    kvStore: new MemoryKvStore(storeClock),
    checkpointStore: new MemoryCheckpointStore(storeClock),
    quotaLedger: new MemoryQuotaLedger(storeClock),
    quotaOverrideStore: new MemoryQuotaOverrideStore(),
  };
  const openGateway = async (clock = storeClock) => {
    const { state, store } = breakable(leases);
    const log = new MemoryLog();
    const ports = { ...stores, leaseStore: store, clock, entropy: systemEntropy, log, metrics: new MemoryMetrics() };
    const stack = new AsyncDisposableStack();
    const gatewayId = `gateway-${opened.length}`;
    const presence = stack.use(await Presence.open({ ...presenceSettings, gatewayId }, ports));
    const receipts = stack.use(await Receipts.open(ports));
    const router = stack.use(new Router({ ...ports, receipts, writers: presence }));
    const gateway = new Gateway({
      ...ports,
      presence,
      receipts,
      router,
      deadLetters: new DeadLetters({ ...ports, router }),
      delays: stack.use(new Delays({ ...ports, router })),
      kv: new Kv(ports, defaultKvSettings),
      checkpoints: new Checkpoints(ports, defaultCheckpointSettings),
      quotas: stack.use(await Quotas.open(noLimits, ports)),
      authorizer: new Authorizer(),
      authenticate: acceptEveryone,
      settings: { version: 'test', slowConsumerMs, acks, delayMaxMs: 2_592_000_000 },
    });
    stack.defer(() => gateway.drain({ signal: AbortSignal.abort() }));
    opened.push({ stack, clock });
    return { gateway, store: state, clock };
  };
  return { clock: storeClock, openGateway };
};

describe('the first frame', () => {
  test('must come within the time for it, else the stream ends with its status', async () => {
    const { clock, openGateway } = fabric();
    const served = await openGateway();
    const client = new TestClient(served);
    await clock.pass(handshakeTimeoutMs - 1);
    expect(client.isOver).toBe(false);
    await clock.pass(1);
    const { end, rest } = await client.end();
    expect(end).toEqual({ code: 'deadline_exceeded', message: 'timeout waiting for InitConnection' });
    expect(rest).toEqual([]);
    expect(served.gateway.connections).toBe(0);
  });

  test('that came in time is the end of that wait', async () => {
    const { clock, openGateway } = fabric();
    const served = await openGateway();
    const client = new TestClient(served);
    await clock.pass(handshakeTimeoutMs - 1);
    client.say(agentInit('a'));
    await client.find('connectionAck');
    await clock.pass(handshakeTimeoutMs);
    client.say(sendTo('a', 'still here'));
    expect(await client.texts(1)).toEqual(['still here']);
  });

  test('said twice ends the stream; what was said in between counts, what comes after does not', async () => {
    const { openGateway } = fabric();
    const served = await openGateway();
    const client = await TestClient.connected(served, 'a');
    client.say(sendTo('b', 'before'));
    client.say(agentInit('a'));
    client.say(sendTo('b', 'after'));
    expect((await client.end()).end).toEqual({ code: 'invalid_argument', message: 'InitConnection already sent' });
    const b = await TestClient.connected(served, 'b');
    const again = await TestClient.connected(served, 'a');
    again.say(sendTo('b', 'next'));
    expect(await b.texts(2)).toEqual(['before', 'next']);
  });
});

describe('a client that does not read', () => {
  const count = 40;
  const body = (index: number): string => `m${index}`.padEnd(16 * 1024);

  /** Fills a client's outbox through another's sending. */
  const overfilled = async () => {
    const { clock, openGateway } = fabric();
    const served = await openGateway();
    const slow = await TestClient.connected(served, 'slow');
    const sender = await TestClient.connected(served, 'sender');
    for (let index = 0; index < count; index += 1) sender.say(sendTo('slow', body(index)));
    sender.halfClose();
    expect((await sender.end()).end.code).toBe('ok');
    return { clock, served, slow };
  };
  const all = Array.from({ length: count }, (_, index) => body(index));

  test('is ended when its outbox has been full for too long, and its next session gets every message', async () => {
    const { clock, served, slow } = await overfilled();
    await clock.pass(slowConsumerMs - 1000);
    expect(slow.isOver).toBe(false);
    // Once it is over, what is still on its way gets a little time of its own.
    await clock.pass(1000 + 2000);
    expect(slow.isOver).toBe(true);
    const again = await TestClient.connected(served, 'slow');
    expect(await again.texts(count)).toEqual(all);
    expect((await slow.end()).end).toMatchObject({
      code: 'resource_exhausted',
      message: 'the client does not read; what it missed is kept for it',
    });
  });

  test('but reads on in time gets everything on the same stream, and is left alone', async () => {
    const { clock, slow } = await overfilled();
    await clock.pass(slowConsumerMs - 1000);
    expect(await slow.texts(count)).toEqual(all);
    await clock.pass(slowConsumerMs);
    slow.say(sendTo('slow', 'on'));
    expect(await slow.texts(1)).toEqual(['on']);
  });
});

describe('a stream whose lease is lost', () => {
  test('ends as unavailable before anybody else could have the identity', async () => {
    const { clock, openGateway } = fabric();
    const served = await openGateway();
    const client = await TestClient.connected(served, 'a');
    served.store.isBroken = true;
    await clock.pass(presenceSettings.gatewayTtlMs);
    const { end, rest } = await client.end();
    expect(end.code).toBe('unavailable');
    expect(rest).toEqual([]);
  });

  test('accepts nothing and is delivered nothing from the moment the lease cannot be trusted, timer or not', async () => {
    const { openGateway } = fabric();
    const stopped = await openGateway(new VirtualClock());
    const other = await openGateway();
    const client = await TestClient.connected(stopped, 'a');
    const peer = await TestClient.connected(other, 'b');
    stopped.clock.jump(untrustedMs);
    peer.say(sendTo('a', 'to the one whose lease is over'));
    peer.say(sendTo('b', 'the log has it'));
    expect(await peer.texts(1)).toEqual(['the log has it']);
    client.say(sendTo('b', 'from the one whose lease is over'));
    const { end, rest } = await client.end();
    expect(end.code).toBe('unavailable');
    expect(rest).toEqual([]);
    await other.clock.pass(presenceSettings.gatewayTtlMs + presenceSettings.marginMs);
    const successor = await TestClient.connected(other, 'a');
    expect(await successor.texts(1)).toEqual(['to the one whose lease is over']);
    successor.say(sendTo('b', 'from its successor'));
    expect(await peer.texts(1)).toEqual(['from its successor']);
  });

  test('because somebody resumed the session ends as unavailable, and the successor goes on', async () => {
    const { openGateway } = fabric();
    const served = await openGateway();
    const client = new TestClient(served);
    client.say(agentInit('a'));
    const { sessionId } = await client.find('connectionAck');
    const successor = new TestClient(served);
    const again = agentInit('a');
    if (again.$case === 'init') successor.say({ ...again, value: { ...again.value, resumeSessionId: sessionId } });
    expect(await successor.find('connectionAck')).toMatchObject({ resumed: true });
    expect((await client.end()).end).toMatchObject({ code: 'unavailable' });
    successor.say(sendTo('a', 'mine'));
    expect(await successor.texts(1)).toEqual(['mine']);
  });
});

describe('a stream that is drained', () => {
  test('is told to go elsewhere, what it has sent still counts, and it ends as unavailable', async () => {
    const { clock, openGateway } = fabric();
    const served = await openGateway();
    const client = await TestClient.connected(served, 'a');
    client.say(sendTo('b', 'sent before'));
    const drained = served.gateway.drain({ signal: new AbortController().signal });
    expect(await client.find('signal')).toMatchObject({ type: SignalType.GRACEFUL_DISCONNECT });
    client.say(sendTo('b', 'sent before it read the notice'));
    const ended = client.end();
    await clock.pass(2000);
    expect((await ended).end).toEqual({ code: 'unavailable', message: 'server shutting down' });
    await drained;
    const late = new TestClient(served);
    expect((await late.end()).end).toEqual({ code: 'unavailable', message: 'gateway is shutting down' });
  });
});
