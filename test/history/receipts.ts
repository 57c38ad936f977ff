/**
 * Whether the last receipt of each named message is what its recipient wrote down. Everything has been mended and every
 * sender has waited when this is asked, so each message has come to an end:
 *
 * - acked: its recipient's log has an acknowledgement of it;
 * - dead-lettered: one dead letter of it is there, and no acknowledgement of it was certain to be heard;
 * - expired: it had a time to live, and no acknowledgement of it was certain to be heard;
 * - the other way round: where the last word of the log is an acknowledgement that was certain to be heard, it is acked;
 *   where a dead letter is there, it is dead-lettered;
 * - what the sender had been told is what the fabric answers when all is over.
 *
 * A crash leaves freedom in three places, and nowhere else. An acknowledgement is *certain to be heard* if its recipient
 * had no later session: on one that was lost it may have been lost too, and the message comes again, unless its time or
 * its attempts were over. A message that was on the wire when its time was over may still come, so `expired` may move up
 * once more. And where Redis lost its data after a message was posted, its receipt may say less than is true, or nothing;
 * never more.
 */
import type { Letter } from './correspondence.ts';
import type { Answered, ReceiptWord } from './event.ts';
import type { History } from './history.ts';
import type { Violation, ViolationKind } from './violation.ts';

/** After this, receipts may be gone. */
export const wipeKind = 'redis-wipe';

export interface ReceiptCounts {
  /** Messages with a name that were sent. */
  readonly letters: number;
  /** By their last receipt. */
  readonly ends: Readonly<Partial<Record<ReceiptWord, number>>>;
  /** Deliveries beyond the first. */
  readonly again: number;
  /** Messages the rules left any freedom, because Redis lost its data after they were posted. */
  readonly wiped: number;
  /** Expired or dead-lettered though acknowledged, on a session that was lost. */
  readonly unheard: number;
  /** Told to have expired, and delivered after all. */
  readonly late: number;
}

export const findReceiptFaults = (history: History): Violation[] => {
  const wipedAt = lastWipe(history);
  return sentLetters(history).flatMap((letter) => {
    const fault = faultOf(letter, { history, wipedAt });
    if (fault === undefined) return [];
    const [kind, text] = fault;
    const { at, who = '?', to = '?' } = { ...letter.posted, at: letter.posted?.at ?? 0 };
    return [{ kind, at, what: `${who} → ${to}: ${letter.id} ${text}`, messages: 1 } as const];
  });
};

export const countReceipts = (history: History): ReceiptCounts => {
  const wipedAt = lastWipe(history);
  const letters = sentLetters(history);
  const ends: Partial<Record<ReceiptWord, number>> = {};
  for (const { asked } of letters) if (asked !== undefined) ends[asked.state] = (ends[asked.state] ?? 0) + 1;
  const count = (is: (letter: Letter) => boolean): number => letters.filter(is).length;
  return {
    letters: letters.length,
    ends,
    again: letters.reduce((sum, { log }) => sum + Math.max(0, log.filter(({ e }) => e === 'handed').length - 1), 0),
    wiped: count(({ posted }) => wasWiped(posted, wipedAt)),
    unheard: count(({ asked, log }) => asked?.state !== 'acked' && acksOf(log).length > 0),
    late: count(({ told, asked }) => told?.state === 'expired' && asked?.state !== 'expired'),
  };
};

const sentLetters = (history: History): readonly Letter[] =>
  [...history.correspondence.letters].filter(({ isWithdrawn }) => !isWithdrawn);

const lastWipe = ({ disturbances }: History): number =>
  Math.max(-Infinity, ...disturbances.filter(({ kind }) => kind === wipeKind).map(({ until }) => until));

interface Circumstances {
  readonly history: History;
  readonly wipedAt: number;
}

type Fault = readonly [ViolationKind, string];

const faultOf = (letter: Letter, circumstances: Circumstances): Fault | undefined => {
  const { posted, asked, log } = letter;
  if (posted === undefined) return ['unsent', 'was delivered, and nobody posted it'];
  if (asked === undefined) return ['receipt_hanging', 'was not asked about'];
  const isWiped = wasWiped(posted, circumstances.wipedAt);
  const unfounded = unfoundedIn(letter, asked.state, circumstances) ?? unfoundedTold(letter, circumstances);
  if (unfounded !== undefined) return ['receipt_unfounded', unfounded];
  if (isWiped) return undefined;
  if (!ends.has(asked.state)) return ['receipt_hanging', `is ${asked.state} for ever${last(log)}`];
  return missing(letter, circumstances) ?? changed(letter);
};

const ends: ReadonlySet<ReceiptWord> = new Set(['denied', 'expired', 'deadLettered', 'acked']);

const wasWiped = (posted: Letter['posted'], wipedAt: number): boolean => (posted?.at ?? 0) <= wipedAt;

/** Why a receipt says more than is true. */
const unfoundedIn = (letter: Letter, state: ReceiptWord, circumstances: Circumstances): string | undefined => {
  const { posted, log, buried } = letter;
  const certain = acksOf(log).some((ack) => isCertain(ack, circumstances));
  switch (state) {
    case 'acked':
      return acksOf(log).length > 0 ? undefined : `is acked, and its recipient did not say so${last(log)}`;
    case 'deadLettered':
      if (buried.length === 0) return `went to the dead letters, and is not there${last(log)}`;
      return certain ? 'went to the dead letters, and was acknowledged' : undefined;
    case 'expired':
      if (posted?.ttlMs === undefined) return 'has expired, and was for ever';
      return certain ? 'has expired, and was acknowledged' : undefined;
    case 'denied':
      return 'was denied, and may be sent';
    default:
      return undefined;
  }
};

/** What a sender was told may be over: a message on the wire may come after its time. */
const unfoundedTold = (letter: Letter, circumstances: Circumstances): string | undefined => {
  const { told, posted } = letter;
  if (told === undefined || told.state === 'unknown') return undefined;
  if (told.state === 'expired')
    return posted?.ttlMs === undefined ? 'was told to have expired, and was for ever' : undefined;
  const text = unfoundedIn(letter, told.state, circumstances);
  return text && `${text}, as its sender was told`;
};

/** What a receipt does not say and should. */
const missing = ({ asked, log, buried }: Letter, circumstances: Circumstances): Fault | undefined => {
  const state = asked?.state;
  if (buried.length > 1) return ['buried_twice', `has ${buried.length} dead letters`];
  if (buried.length === 1) return missingBurial(state);
  const final = log.at(-1);
  const isAckedLast = final?.e === 'answered' && final.how === 'acked' && isCertain(final, circumstances);
  if (!isAckedLast || state === 'acked') return undefined;
  return ['receipt_missing', `was acknowledged last, and its receipt says ${state}`];
};

const missingBurial = (state: ReceiptWord | undefined): Fault | undefined => {
  if (state === 'deadLettered') return undefined;
  if (state === 'acked') return ['buried_and_acked', 'is acked, and has a dead letter'];
  return ['receipt_missing', `has a dead letter, and its receipt says ${state}`];
};

const changed = ({ told, asked, log }: Letter): Fault | undefined => {
  if (told === undefined || told.state === asked?.state) return undefined;
  if (told.state === 'expired' && log.some(({ e }) => e === 'handed')) return undefined;
  return ['receipt_changed', `was ${told.state}, as its sender was told, and is ${asked?.state}`];
};

const acksOf = (log: Letter['log']): readonly Answered[] =>
  log.filter((entry) => entry.e === 'answered').filter(({ how }) => how === 'acked');

/** Whether nothing can have swallowed it: the recipient had no later session. */
const isCertain = ({ who, session }: Answered, { history }: Circumstances): boolean =>
  history.session(session)?.supersededAt === Infinity && history.sessionsOf(who).length > 0;

const last = (log: Letter['log']): string => {
  const final = log.at(-1);
  if (final === undefined) return '; it never came';
  const word = final.e === 'handed' ? `handed, attempt ${final.attempt}` : final.how;
  return `; the last of its recipient's log is: ${word}`;
};
