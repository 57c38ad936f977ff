import { afterEach, expect, test } from 'vitest';
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
import { defaultCheckpointSettings } from '../checkpoints/checkpoints.ts';
import { type FabricParts, openFabricParts } from '../compose/fabric.ts';
import { DownstreamMessage, UpstreamMessage } from '../gen/aether/v1/gateway.ts';
import { SendMessage } from '../gen/aether/v1/message.ts';
import { defaultKvSettings } from '../kv/kv.ts';
import { FabricError } from '../model/error.ts';
import { noLimits } from '../model/quota.ts';
import type { MessageLog } from '../ports/message-log.ts';
import { type ClientEnd, connectInProcess } from './in-process.ts';

const presence = {
  gatewayId: 'test',
  identityTtlMs: 30_000,
  identityRenewEveryMs: 10_000,
  gatewayTtlMs: 2500,
  gatewayRenewEveryMs: 800,
  marginMs: 500,
};

const opened: { parts: FabricParts; clock: VirtualClock }[] = [];
afterEach(async () => {
  for (const { parts, clock } of opened.splice(0)) {
    const closing = parts[Symbol.asyncDispose]();
    await clock.pass(60_000);
    await closing;
  }
});

const openParts = async (messageLog: MessageLog) => {
  const clock = new VirtualClock();
  const leaseStore = new MemoryLeaseStore(clock);
  const ports = {
    clock,
    leaseStore,
    messageLog,
    entropy: systemEntropy,
    log: new MemoryLog(),
    metrics: new MemoryMetrics(),
    hints: new MemoryHints(),
    cursorStore: new MemoryCursorStore(),
    topicIndex: new MemoryTopicIndex(),
    workQueue: new MemoryWorkQueue(),
    deadLetterStore: new MemoryDeadLetterStore(),
    delayStore: new MemoryDelayStore(clock),
    receiptStore: new MemoryReceiptStore({ clock, retentionMs: 86_400_000 }),
    kvStore: new MemoryKvStore(clock),
    checkpointStore: new MemoryCheckpointStore(clock),
    quotaLedger: new MemoryQuotaLedger(clock),
    quotaOverrideStore: new MemoryQuotaOverrideStore(),
  };
  const parts = await openFabricParts(ports, {
    version: 'test',
    presence,
    slowConsumerMs: 5000,
    acks: { timeoutMs: 30_000, attemptsMax: 5, outstandingMax: 256, outstandingBytesMax: 4 * 1024 * 1024 },
    delayMaxMs: 2_592_000_000,
    kv: defaultKvSettings,
    checkpoints: defaultCheckpointSettings,
    quotas: noLimits,
  });
  opened.push({ parts, clock });
  return { parts, clock, leaseStore };
};

const frame = (payload: NonNullable<UpstreamMessage['payload']>): Uint8Array =>
  UpstreamMessage.encode({ payload, activeExtensions: [] }).finish();
const initial = UpstreamMessage.decode(new Uint8Array([0x0a, 0]));

/** Connects as an agent, sends one message and says goodbye; everything that came back. */
const sendOne = async ({ parts, clock }: Awaited<ReturnType<typeof openParts>>) => {
  if (initial.payload?.$case !== 'init') throw new Error('no init');
  const stream = connectInProcess(parts.gateway);
  const agent = { $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier: 's' } } as const;
  const init = frame({ $case: 'init', value: { ...initial.payload.value, clientType: agent } });
  const message = { ...SendMessage.decode(new Uint8Array()), targetTopic: 'ag::w::i::s' };
  stream.write([init, frame({ $case: 'send', value: message })], () => stream.end());
  const frames: DownstreamMessage[] = [];
  const reading = (async (): Promise<ClientEnd> => {
    for (const frameGroups = stream.read(); ; ) {
      const { value, done } = await frameGroups.next();
      if (done === true) return value;
      frames.push(...value.map((bytes) => DownstreamMessage.decode(bytes)));
    }
  })();
  await clock.pass(5000);
  return { end: await reading, frames };
};

test('a goodbye while the log refuses is answered: with an error frame, and not with OK', async () => {
  let isAway = true;
  const memory = new MemoryMessageLog({ partitions: 1, spread: 1 });
  const fabric = await openParts({
    id: memory.id,
    layout: memory.layout,
    append: (...given) =>
      isAway ? Promise.reject(new FabricError('STORE_UNAVAILABLE', 'the log is away')) : memory.append(...given),
    enter: (writer) => memory.enter(writer),
    fence: (writer) => memory.fence(writer),
    read: (partition, from, options) => memory.read(partition, from, options),
  });
  const { end, frames } = await sendOne(fabric);
  expect(frames.map(({ payload }) => payload?.$case)).toContain('error');
  expect(end).toMatchObject({ code: 'unavailable' });
  // What was refused may still land: whoever comes next has to know of it, until the log says that nothing can.
  expect(await fabric.leaseStore.current(['ag::w::i::s'])).toMatchObject([{ state: 'held' }]);
  isAway = false;
  await fabric.clock.pass(1000);
  expect(await fabric.leaseStore.current(['ag::w::i::s'])).toEqual([undefined]);
});
