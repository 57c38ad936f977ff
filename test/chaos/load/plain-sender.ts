/**
 * A sender that speaks the plain wire: a burst on a stream of its own, a half-close, and the status, which is the
 * acknowledgement. It is patient to a degree; then it goes on elsewhere and leaves the old stream to its fate. Now and
 * then it goes elsewhere without a half-close and sends more on the old stream, for which there must be no effect.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Lanes } from './lanes.ts';
import { type ClientOptions, PlainClient } from './plain-client.ts';
import type { WireSession } from './wire-session.ts';
import { within } from './within.ts';

export interface SenderOptions extends ClientOptions {
  readonly recipients: readonly string[];
  readonly messagesPerSecond: number;
  readonly burst: { readonly least: number; readonly most: number };
  /** Share of its streams that it leaves without a half-close. */
  readonly leavingShare: number;
  /** One message to everyone at a time, instead of bursts to some: so that any silence is heard. */
  readonly isPulse: boolean;
}

/** More than the gateway may take to give up on its log, or much less. */
const patienceMs = { patient: 14_000, impatient: 2500 } as const;
const staleMessages = 5;

export const runPlainSender = async (options: SenderOptions): Promise<void> => {
  const { random, signal } = options;
  const client = new PlainClient(options);
  const lanes = new Lanes();
  let left: WireSession | undefined;
  while (!signal.aborted) {
    const beganMs = performance.now();
    const session = await client.connect({ resume: left !== undefined });
    if (session === undefined) break;
    if (left !== undefined) sendStale(left, lanes, random.pick(options.recipients));
    const messages = await (options.isPulse ? sendPulses : sendBurst)(session, lanes, options);
    left = await finish(session, options);
    const dueMs = beganMs + (1000 * messages) / options.messagesPerSecond;
    await delay(Math.max(0, dueMs - performance.now()), undefined, { signal }).catch(() => undefined);
  }
  await within(patienceMs.patient, client.leave());
  client.end();
};

/** Answers with how many messages that were. */
const sendBurst = (
  session: WireSession,
  lanes: Lanes,
  { random, recipients, burst }: SenderOptions,
): Promise<number> => {
  const shares = random.between(1, 4);
  const each = Math.ceil(random.between(burst.least, burst.most) / shares);
  for (let share = 0; share < shares; share += 1) {
    const to = random.pick(recipients);
    session.send(to, lanes.take(to, each), each);
  }
  return Promise.resolve(shares * each);
};

const pulses = 30;

const sendPulses = async (session: WireSession, lanes: Lanes, options: SenderOptions): Promise<number> => {
  const { recipients, messagesPerSecond, signal } = options;
  let sent = 0;
  for (; sent < pulses && session.canSend && !signal.aborted; sent += 1) {
    for (const to of recipients) session.send(to, lanes.take(to, 1), 1);
    await delay((1000 * recipients.length) / messagesPerSecond, undefined, { signal }).catch(() => undefined);
  }
  return sent * recipients.length;
};

/** Answers with the session if it still stands, to be taken over. */
const finish = async (
  session: WireSession,
  { random, leavingShare }: SenderOptions,
): Promise<WireSession | undefined> => {
  if (random.chance(leavingShare)) return session.isOver ? undefined : session;
  session.halfClose();
  await within(random.chance(0.8) ? patienceMs.patient : patienceMs.impatient, session.ended);
  return session.isOver ? undefined : session;
};

const sendStale = (left: WireSession, lanes: Lanes, to: string): void => {
  if (left.canSend) left.send(to, lanes.take(to, staleMessages), staleMessages);
};
