/** Everything this package offers, by name. */
export type { AgentClient } from './agent-client.ts';
export type { RequestOptions } from './ask.ts';
export type { BridgeClient } from './bridge-client.ts';
export type { Checkpoint, CheckpointOptions, Checkpoints, SaveCheckpointOptions } from './checkpoints.ts';
export type { Client, ClientLoad } from './client.ts';
export type { Config } from './config.ts';
export {
  type AgentOptions,
  type BridgeOptions,
  connectAgent,
  connectBridge,
  connectMetricsBridge,
  connectOrchestrator,
  connectService,
  connectTask,
  connectUser,
  connectWorkflowEngine,
  type OrchestratorOptions,
  type ServiceOptions,
  type TaskOptions,
  type UserOptions,
} from './connect.ts';
export type { ConnectOptions, Extension, ReconnectOptions } from './connect-options.ts';
export type { Credentials } from './credentials.ts';
export type { DeadLetter, DeadLetters, ListDeadLettersOptions } from './dead-letters.ts';
export { AetherError, isRetryable } from './error.ts';
export type { HandleOptions, Handler, IterateOptions } from './feed.ts';
export type { PrincipalKind } from './identity.ts';
export type {
  Kv,
  KvCount,
  KvCountOptions,
  KvListOptions,
  KvOptions,
  KvPage,
  KvScope,
  KvSetSize,
  KvSwap,
  KvWriteOptions,
} from './kv.ts';
export type { CloseOptions } from './link.ts';
export type { Message, MessageType, NackOptions, Payload, SendOptions, Subject } from './message.ts';
export type { AgentAddress, MessagingClient, TaskAddress } from './messaging-client.ts';
export type { Metric, MetricEntry } from './metric.ts';
export type { MetricsBridgeClient } from './metrics-bridge-client.ts';
export type { OrchestratorClient } from './orchestrator-client.ts';
export type { ProgressKind, ProgressReport, ProgressStep, ProgressUpdate } from './progress.ts';
export type { PublishingClient, PublishOptions } from './publishing-client.ts';
export type { ClearQuotaOptions, Quota, QuotaChanges, QuotaLimits, Quotas } from './quotas.ts';
export type { ErrorCode, Reason } from './reasons.ts';
export type { Receipt, ReceiptState } from './receipt.ts';
export type { Receipts } from './receipts.ts';
export type { ReportingClient } from './reporting-client.ts';
export type { WaitOptions } from './sending.ts';
export type { ReceiptWait, Sent } from './sent.ts';
export type { ServiceClient } from './service-client.ts';
export type { NegotiatedExtension, Session } from './session.ts';
export type { DisconnectOptions, ListSessionsOptions, SessionSummary, Sessions } from './sessions.ts';
export type { ClosedReason, ConnectionStatus } from './status.ts';
export type { TaskClient } from './task-client.ts';
export {
  agentsTopic,
  agentTopic,
  anyServiceTopic,
  bridgeTopic,
  eventTopic,
  metricTopic,
  type ParsedTopic,
  parseTopic,
  serviceTopic,
  taskTopic,
  taskWorkersTopic,
  usersTopic,
  userTopic,
  userWindowTopic,
  userWorkspaceTopic,
} from './topic.ts';
export type { KeepaliveOptions, TlsOptions } from './transport/grpc-transport.ts';
export { inProcessTransport } from './transport/in-process-transport.ts';
export type { StreamEnd, Transport, TransportStream } from './transport/transport.ts';
export type { UserClient } from './user-client.ts';
export type { WorkflowEngineClient } from './workflow-engine-client.ts';
