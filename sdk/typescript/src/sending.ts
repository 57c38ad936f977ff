import { failure } from './error.ts';
import type { Link } from './link.ts';
import { encodeMessage, type Payload, type SendOptions } from './message.ts';
import { type ProgressReport, toWireReport } from './progress.ts';
import { encode } from './wire.ts';

/** Waiting for a connection or for room. */
export type WaitOptions = Pick<SendOptions, 'signal' | 'timeoutMs'>;

const hand = (link: Link, frame: Uint8Array, { signal, timeoutMs }: WaitOptions): Promise<void> =>
  link.outbox.push([frame], { signal, timeoutMs: timeoutMs ?? link.settings.sendTimeoutMs });

export const send = async (link: Link, topic: string, payload: Payload, options: SendOptions): Promise<void> => {
  link.topics.check(topic);
  await hand(link, encodeMessage(topic, payload, options), options);
};

export const toJson = (value: unknown): string => {
  // Declared as string, but it is undefined for what JSON cannot say at all.
  const text: unknown = JSON.stringify(value);
  if (typeof text === 'string') return text;
  throw failure('INVALID_ARGUMENT', `${typeof value} cannot be written as JSON`);
};

export const reportProgress = async (link: Link, report: ProgressReport, options: WaitOptions): Promise<void> =>
  hand(link, encode({ $case: 'progress', value: toWireReport(report) }), options);
