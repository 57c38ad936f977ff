/**
 * Wires the parts of one gateway process from a set of ports. It does not know which composition the ports are of.
 */
import type { Socket } from 'node:net';
import { Authorizer } from '../acl/authorizer.ts';
import { type CheckpointSettings, Checkpoints } from '../checkpoints/checkpoints.ts';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { Delays } from '../delays/delays.ts';
import { acceptEveryone } from '../gateway/authenticate.ts';
import { Gateway } from '../gateway/gateway.ts';
import { type GrpcServer, type GrpcServerSettings, openGrpcServer } from '../gateway/grpc-server.ts';
import { type ClientStream, connectInProcess } from '../gateway/in-process.ts';
import { Kv, type KvSettings } from '../kv/kv.ts';
import type { Limits } from '../model/quota.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { CursorStore } from '../ports/cursor-store.ts';
import type { DeadLetterStore } from '../ports/dead-letter-store.ts';
import type { DelayStore } from '../ports/delay-store.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hints } from '../ports/hints.ts';
import type { KvStore } from '../ports/kv-store.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import type { Log } from '../ports/log.ts';
import type { MessageLog } from '../ports/message-log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { QuotaLedger } from '../ports/quota-ledger.ts';
import type { QuotaOverrideStore } from '../ports/quota-override-store.ts';
import type { ReceiptStore } from '../ports/receipt-store.ts';
import type { TopicIndex } from '../ports/topic-index.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import { Presence, type PresenceSettings } from '../presence/presence.ts';
import { Quotas } from '../quotas/quotas.ts';
import { Receipts } from '../receipts/receipts.ts';
import type { AckSettings } from '../router/acknowledgements.ts';
import { Router } from '../router/router.ts';

export interface Ports {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly leaseStore: LeaseStore;
  readonly hints: Hints;
  readonly messageLog: MessageLog;
  readonly topicIndex: TopicIndex;
  readonly cursorStore: CursorStore;
  readonly workQueue: WorkQueue;
  readonly receiptStore: ReceiptStore;
  readonly deadLetterStore: DeadLetterStore;
  readonly delayStore: DelayStore;
  readonly kvStore: KvStore;
  readonly checkpointStore: CheckpointStore;
  readonly quotaLedger: QuotaLedger;
  readonly quotaOverrideStore: QuotaOverrideStore;
}

export interface FabricSettings {
  readonly version: string;
  readonly presence: PresenceSettings;
  readonly listen: GrpcServerSettings;
  readonly slowConsumerMs: number;
  readonly acks: AckSettings;
  readonly delayMaxMs: number;
  readonly kv: KvSettings;
  readonly checkpoints: CheckpointSettings;
  /** What holds where operators have changed nothing. */
  readonly quotas: Limits;
  /** How long a stop waits for what is under way. */
  readonly drainTimeoutMs: number;
}

export interface Fabric extends AsyncDisposable {
  /** Where gRPC is served; 0 where connections are handed to it. */
  readonly port: number;
  readonly gateway: Gateway;
  readonly presence: Presence;
  /** Serves a client's connection that was accepted elsewhere. */
  take(connection: Socket): void;
  /** Opens a stream without a network, for clients in this process. */
  connect(): ClientStream;
}

/** The parts of a gateway process without the server that brings its streams. */
export interface FabricParts extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly presence: Presence;
}

export const openFabricParts = async (
  ports: Ports,
  settings: Omit<FabricSettings, 'listen' | 'drainTimeoutMs'>,
): Promise<FabricParts> => {
  await using opened = new AsyncDisposableStack();
  const presence = opened.use(await Presence.open(settings.presence, ports));
  const receipts = opened.use(await Receipts.open(ports));
  const router = opened.use(new Router({ ...ports, receipts, writers: presence }));
  const gateway = new Gateway({
    ...ports,
    presence,
    receipts,
    router,
    deadLetters: new DeadLetters({ ...ports, router }),
    delays: opened.use(new Delays({ ...ports, router })),
    kv: new Kv(ports, settings.kv),
    checkpoints: new Checkpoints(ports, settings.checkpoints),
    quotas: opened.use(await Quotas.open(settings.quotas, ports)),
    authorizer: new Authorizer(),
    authenticate: acceptEveryone,
    settings: {
      version: settings.version,
      slowConsumerMs: settings.slowConsumerMs,
      acks: settings.acks,
      delayMaxMs: settings.delayMaxMs,
    },
  });
  const stack = opened.move();
  return { gateway, presence, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

/** Starts serving. Disposing it drains first (I10). The ports stay the caller's to close, afterwards. */
export const openFabric = async (ports: Ports, settings: FabricSettings): Promise<Fabric> => {
  await using opened = new AsyncDisposableStack();
  const { gateway, presence } = opened.use(await openFabricParts(ports, settings));
  const server = opened.use(await openGrpcServer(settings.listen, { ...ports, gateway }));
  opened.defer(() => drain(gateway, server, settings.drainTimeoutMs));
  const stack = opened.move();
  return {
    port: server.port,
    gateway,
    presence,
    take: (connection) => server.take(connection),
    connect: () => connectInProcess(gateway),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

const drain = async (gateway: Gateway, server: GrpcServer, timeoutMs: number): Promise<void> => {
  server.setServing(false);
  await gateway.drain({ signal: AbortSignal.timeout(timeoutMs) });
};
