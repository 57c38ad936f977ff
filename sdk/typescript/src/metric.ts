import { Metric as WireMetric } from './gen/aether/v1/message.ts';

/** One measured quantity. */
export interface MetricEntry {
  readonly name: string;
  /** Finite; negative quantities are credits and need a right of their own. */
  readonly quantity: number;
  /** The application's classification. */
  readonly kind?: string | undefined;
}

/** Measurements of one unit of work. */
export interface Metric {
  /** 1 to 1024. */
  readonly entries: readonly MetricEntry[];
  /** At most 64 keys. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Joins it with traces. */
  readonly traceId?: string | undefined;
  /** When it was measured; now by default. */
  readonly timestamp?: Date | undefined;
}

export const encodeMetric = ({ entries, metadata = {}, traceId = '', timestamp }: Metric): Uint8Array =>
  WireMetric.encode({
    traceId,
    entries: entries.map(({ name, quantity, kind = '' }) => ({ name, kind, qty: quantity })),
    metadata: new Map(Object.entries(metadata)),
    clientTimestampMs: BigInt(timestamp?.getTime() ?? Date.now()),
  }).finish();

export const toMetric = ({ traceId, entries, metadata, clientTimestampMs }: WireMetric): Metric => ({
  entries: entries.map(({ name, kind, qty }) => ({ name, quantity: qty, ...(kind === '' ? {} : { kind }) })),
  metadata: Object.fromEntries(metadata),
  ...(traceId === '' ? {} : { traceId }),
  timestamp: new Date(Number(clientTimestampMs)),
});
