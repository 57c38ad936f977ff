/** Gateways on memory adapters for the tests, several of them on the same stores where a test needs it. */
import { MemoryCheckpointStore } from '../../../src/adapters/memory/memory-checkpoint-store.ts';
import { MemoryCursorStore } from '../../../src/adapters/memory/memory-cursor-store.ts';
import { MemoryDeadLetterStore } from '../../../src/adapters/memory/memory-dead-letter-store.ts';
import { MemoryDelayStore } from '../../../src/adapters/memory/memory-delay-store.ts';
import { MemoryHints } from '../../../src/adapters/memory/memory-hints.ts';
import { MemoryKvStore } from '../../../src/adapters/memory/memory-kv-store.ts';
import { MemoryLeaseStore } from '../../../src/adapters/memory/memory-lease-store.ts';
import { MemoryMessageLog } from '../../../src/adapters/memory/memory-message-log.ts';
import { MemoryQuotaLedger } from '../../../src/adapters/memory/memory-quota-ledger.ts';
import { MemoryQuotaOverrideStore } from '../../../src/adapters/memory/memory-quota-override-store.ts';
import { MemoryReceiptStore } from '../../../src/adapters/memory/memory-receipt-store.ts';
import { MemoryTopicIndex } from '../../../src/adapters/memory/memory-topic-index.ts';
import { MemoryWorkQueue } from '../../../src/adapters/memory/memory-work-queue.ts';
import { openPrometheus } from '../../../src/adapters/prometheus/prometheus-metrics.ts';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import { systemEntropy } from '../../../src/adapters/system/system-entropy.ts';
import { defaultCheckpointSettings } from '../../../src/checkpoints/checkpoints.ts';
import { type Fabric, openFabric } from '../../../src/compose/fabric.ts';
import type { GrpcServerSettings } from '../../../src/gateway/grpc-server.ts';
import { defaultKvSettings } from '../../../src/kv/kv.ts';
import { type LimitChanges, noLimits } from '../../../src/model/quota.ts';
import type { Log } from '../../../src/ports/log.ts';

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** What the gateways of one fabric share. */
export const createStores = () => ({
  leaseStore: new MemoryLeaseStore(systemClock),
  hints: new MemoryHints(),
  messageLog: new MemoryMessageLog({ partitions: 16, spread: 16 }),
  cursorStore: new MemoryCursorStore(),
  topicIndex: new MemoryTopicIndex(),
  receiptStore: new MemoryReceiptStore({ clock: systemClock, retentionMs: 86_400_000 }),
  deadLetterStore: new MemoryDeadLetterStore(),
  delayStore: new MemoryDelayStore(systemClock),
  workQueue: new MemoryWorkQueue(),
  kvStore: new MemoryKvStore(systemClock),
  checkpointStore: new MemoryCheckpointStore(systemClock),
  quotaLedger: new MemoryQuotaLedger(systemClock),
  quotaOverrideStore: new MemoryQuotaOverrideStore(),
});

export interface GatewayOptions {
  readonly gatewayId?: string;
  readonly stores?: ReturnType<typeof createStores>;
  readonly tls?: GrpcServerSettings['tls'];
  readonly slowConsumerMs?: number;
  /** None by default. */
  readonly quotas?: LimitChanges;
}

export interface TestGateway extends AsyncDisposable {
  readonly fabric: Fabric;
  readonly port: number;
  readonly address: string;
}

export const startGateway = async (options: GatewayOptions = {}): Promise<TestGateway> => {
  const { gatewayId = 'gw-1', stores = createStores(), tls, slowConsumerMs = 120_000 } = options;
  const ports = { clock: systemClock, entropy: systemEntropy, log: silent, metrics: openPrometheus().metrics };
  const fabric = await openFabric(
    { ...ports, ...stores },
    {
      version: '0.1.0',
      presence: {
        gatewayId,
        identityTtlMs: 30_000,
        identityRenewEveryMs: 10_000,
        gatewayTtlMs: 2500,
        gatewayRenewEveryMs: 800,
        marginMs: 500,
      },
      listen: { host: '127.0.0.1', port: 0, tls },
      slowConsumerMs,
      acks: { timeoutMs: 30_000, attemptsMax: 5, outstandingMax: 256, outstandingBytesMax: 4 * 1024 * 1024 },
      delayMaxMs: 2_592_000_000,
      kv: defaultKvSettings,
      checkpoints: defaultCheckpointSettings,
      quotas: { ...noLimits, kv_value_size: 1024 * 1024, ...options.quotas },
      drainTimeoutMs: 5000,
    },
  );
  return {
    fabric,
    port: fabric.port,
    address: `127.0.0.1:${fabric.port}`,
    [Symbol.asyncDispose]: () => fabric[Symbol.asyncDispose](),
  };
};
