import { failure } from './error.ts';
import type { Link } from './link.ts';
import { encodeMessage, type Payload, type SendOptions } from './message.ts';
import { type ProgressReport, toWireReport } from './progress.ts';
import type { ReceiptBook } from './receipt-book.ts';
import { Sent } from './sent.ts';
import { encode } from './wire.ts';

/** Waiting for a connection or for room. */
export type WaitOptions = Pick<SendOptions, 'signal' | 'timeoutMs'>;

const hand = (link: Link, frame: Uint8Array, { signal, timeoutMs }: WaitOptions): Promise<void> =>
  link.outbox.push([frame], { signal, timeoutMs: timeoutMs ?? link.settings.sendTimeoutMs });

export const send = async (link: Link, topic: string, payload: Payload, options: SendOptions): Promise<Sent> => {
  link.topics.check(topic);
  const { book } = link;
  if (book !== undefined) return sendTracked(link, book, { topic, payload, options });
  const { id, ttlMs, deliverAt, delayMs } = options;
  if ([id, ttlMs, deliverAt, delayMs].some((option) => option !== undefined))
    throw failure('RECEIPTS_OFF', 'id, ttlMs, deliverAt and delayMs need receipts: connect with { receipts: true }');
  await hand(link, encodeMessage(topic, payload, options), options);
  return untracked;
};

const untracked = new Sent(undefined);

interface Outgoing {
  readonly topic: string;
  readonly payload: Payload;
  readonly options: SendOptions;
}

/** Under a name it is sent once, however often it is tried. */
const sendTracked = async (link: Link, book: ReceiptBook, { topic, payload, options }: Outgoing): Promise<Sent> => {
  const id = options.id ?? book.nextId();
  if (id === '') throw failure('INVALID_ARGUMENT', 'the id of a message is empty');
  const frame = encodeMessage(topic, payload, { ...options, id });
  const { signal, timeoutMs = link.settings.sendTimeoutMs } = options;
  await book.untilRoom();
  const known = book.find(id);
  if (known !== undefined) return new Sent(known);
  const tracked = book.open(id, frame);
  try {
    await link.outbox.push([frame], { signal, timeoutMs, onHanded: () => book.handed(id) });
  } catch (thrown) {
    book.drop(id, thrown);
    throw thrown;
  }
  return new Sent(tracked);
};

export const toJson = (value: unknown): string => {
  // Declared as string, but it is undefined for what JSON cannot say at all.
  const text: unknown = JSON.stringify(value);
  if (typeof text === 'string') return text;
  throw failure('INVALID_ARGUMENT', `${typeof value} cannot be written as JSON`);
};

export const reportProgress = async (link: Link, report: ProgressReport, options: WaitOptions): Promise<void> =>
  hand(link, encode({ $case: 'progress', value: toWireReport(report) }), options);
