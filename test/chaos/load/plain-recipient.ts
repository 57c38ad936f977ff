/**
 * A recipient that speaks the plain wire. It comes back whenever its stream ends, with or without its session id, and
 * now and then takes over from itself while the old stream still stands: from then on the old one is watched, and used
 * to send, for effects it must not have.
 */
import { Lanes } from './lanes.ts';
import { type ClientOptions, PlainClient } from './plain-client.ts';
import type { WireSession } from './wire-session.ts';
import { within } from './within.ts';

export interface RecipientOptions extends ClientOptions {
  /** Whom it writes to on streams it has left. */
  readonly others: readonly string[];
  /** How long it stays on a stream at most. */
  readonly stayMs: number;
}

const staleMessages = 3;

export const runPlainRecipient = async (options: RecipientOptions): Promise<void> => {
  const { random, signal, stayMs, others } = options;
  const client = new PlainClient(options);
  const lanes = new Lanes();
  let resume = false;
  let left: WireSession | undefined;
  for (;;) {
    const session = await client.connect({ resume });
    if (session === undefined) break;
    if (left !== undefined) sendStale(left, lanes, random.pick(others));
    const ended = await within(random.between(stayMs / 4, stayMs), session.ended, signal);
    left = undefined;
    resume = random.chance(0.8);
    if (ended !== undefined || signal.aborted) continue;
    if (random.chance(0.3)) await leave(session);
    else [left, resume] = [session, true];
  }
  client.end();
};

const sendStale = (left: WireSession, lanes: Lanes, to: string): void => {
  if (left.canSend) left.send(to, lanes.take(to, staleMessages), staleMessages);
};

/** As somebody leaves who has time; a gateway that does not answer is left behind. */
const leave = async (session: WireSession): Promise<void> => {
  session.halfClose();
  await within(2000, session.ended);
};
