/** The streams a log lives in: their names, their settings, and that they exist. */
import type { LogLayout } from '../../ports/message-log.ts';
import { refused } from './errors.ts';
import { responseCode } from './stream/response-code.ts';
import type { StreamConnection } from './stream/stream-connection.ts';
import { createStream, metadata } from './stream/stream-requests.ts';
import { registerRetention } from './writer-register.ts';

/** What is kept of a log. Whichever bound is reached first drops the oldest segment. */
export interface Retention {
  readonly maxAgeMs: number;
  /** Of all partitions together. */
  readonly maxBytes: number;
  /** A partition is dropped from in pieces of this size, so it bounds what is kept beyond the limits. */
  readonly segmentBytes: number;
}

/**
 * A week, 20 GB in all, segments of 100 MB: large enough that a busy partition starts a new one every few minutes at
 * most, small enough that with 16 partitions no more than 1.6 GB lie around beyond the limit.
 */
export const defaultRetention: Retention = {
  maxAgeMs: 7 * 24 * 60 * 60 * 1000,
  maxBytes: 20_000_000_000,
  segmentBytes: 100_000_000,
};

type Settings = Readonly<Record<string, string>>;

/** A cluster may elect leaders and place replicas before it answers. */
const createTimeoutMs = 30_000;

export const streamOfPartition = (prefix: string, partition: number): string => `${prefix}.${partition}`;

export const streamOfLayout = (prefix: string): string => `${prefix}.layout`;

export const streamOfWriters = (prefix: string): string => `${prefix}.writers`;

/** Creates what is missing. Streams that are there keep the retention they were created with. */
export const ensureStreams = async (
  connection: StreamConnection,
  { prefix, layout, retention }: { readonly prefix: string; readonly layout: LogLayout; readonly retention: Retention },
): Promise<void> => {
  const partitions = Array.from({ length: layout.partitions }, (_, index) => streamOfPartition(prefix, index));
  const wanted = new Map<string, Settings>([
    ...partitions.map((stream) => [stream, settingsOf(retention, layout)] as const),
    [streamOfLayout(prefix), {}],
    [streamOfWriters(prefix), registerRetention],
  ]);
  const placements = await connection.request(metadata([...wanted.keys()]));
  const missing = new Set(
    placements.filter(({ code }) => code === responseCode.streamDoesNotExist).map(({ stream }) => stream),
  );
  for (const [stream, settings] of wanted) if (missing.has(stream)) await create(connection, stream, settings);
};

const create = async (connection: StreamConnection, stream: string, settings: Settings): Promise<void> => {
  const { code } = await connection.request(
    createStream(stream, { 'queue-leader-locator': 'balanced', ...settings }),
    createTimeoutMs,
  );
  // Another gateway may have been faster.
  if (code !== responseCode.ok && code !== responseCode.streamAlreadyExists)
    throw refused(`creating stream ${stream}`, code);
};

/** How many replicas a stream gets is left to the broker. */
const settingsOf = (retention: Retention, layout: LogLayout): Settings => ({
  'max-age': `${Math.max(1, Math.round(retention.maxAgeMs / 1000))}s`,
  'max-length-bytes': String(Math.max(1, Math.floor(retention.maxBytes / layout.partitions))),
  'stream-max-segment-size-bytes': String(retention.segmentBytes),
});
