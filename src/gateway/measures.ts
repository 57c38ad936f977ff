import type { Count, Distribution, Level, Measure, Metrics } from '../ports/metrics.ts';

/** What the gateway counts; names as published where they fit. */
export interface GatewayMeasures {
  readonly routed: Measure<Count>;
  readonly delivered: Count;
  readonly refusals: Measure<Count>;
  readonly quotaRefusals: Measure<Count>;
  readonly attempts: Measure<Count>;
  readonly connections: Measure<Level>;
  readonly connectionSeconds: Distribution;
}

export const gatewayMeasures = (metrics: Metrics): GatewayMeasures => ({
  routed: metrics.counter({
    name: 'aether_messages_routed_total',
    help: 'Messages accepted from clients.',
    labels: ['workspace', 'message_type'],
  }),
  delivered: metrics
    .counter({
      name: 'aether_messages_delivered_total',
      help: 'Messages handed to the streams of recipients.',
      labels: [],
    })
    .at({}),
  refusals: metrics.counter({
    name: 'aether_message_errors_total',
    help: 'Frames refused in the stream.',
    labels: ['workspace', 'error_type'],
  }),
  quotaRefusals: metrics.counter({
    name: 'aether_quota_refusals_total',
    help: 'Messages, connections and keys refused by a limit.',
    labels: ['limit'],
  }),
  attempts: metrics.counter({
    name: 'aether_connection_attempts_total',
    help: 'Handshakes by outcome.',
    labels: ['workspace', 'principal_type', 'status'],
  }),
  connections: metrics.gauge({
    name: 'aether_active_connections',
    help: 'Sessions of this gateway.',
    labels: ['workspace', 'principal_type'],
  }),
  connectionSeconds: metrics
    .histogram({
      name: 'aether_connection_duration_seconds',
      help: 'How long sessions lasted.',
      labels: [],
      buckets: Array.from({ length: 15 }, (_, power) => 2 ** power),
    })
    .at({}),
});
