/**
 * What the clients of a run and whoever disturbs it wrote down, one value each. A history is nothing but these events:
 * the checkers know no clients, no gateways and no clock, so a simulation can be judged by them as well as a real run.
 *
 * Times are milliseconds on one monotonic clock that all writers share. A message is known by its lane (sender and
 * recipient) and its number there; numbers grow in the order of sending, from 1.
 */

/** A gateway acknowledged a session. */
export interface Connected {
  readonly e: 'connected';
  readonly at: number;
  readonly who: string;
  readonly session: string;
  readonly gateway: string;
  /** Session it asked to continue; empty for none. */
  readonly resumes: string;
  readonly resumed: boolean;
  /** The client had given this attempt up, so nothing says whether this session came before or after the others. */
  readonly isLate?: true;
}

/** The session's stream ended for its client. */
export interface Ended {
  readonly e: 'ended';
  readonly at: number;
  readonly who: string;
  readonly session: string;
}

/** Written before the first of these messages is handed to the connection. */
export interface Sent {
  readonly e: 'sent';
  readonly at: number;
  readonly who: string;
  readonly session: string;
  readonly to: string;
  readonly first: number;
  readonly count: number;
}

/** Everything sent on the session so far is durable, said the gateway. */
export interface Acknowledged {
  readonly e: 'acknowledged';
  readonly at: number;
  readonly who: string;
  readonly session: string;
}

/** Messages of one lane with numbers in a row, as the recipient got them. */
export interface Delivered {
  readonly e: 'delivered';
  readonly at: number;
  readonly who: string;
  /** Absent where the client cannot tell on which of its sessions it came. */
  readonly session?: string;
  readonly from: string;
  readonly first: number;
  readonly count: number;
  /** The gateway said that they may have been delivered before. */
  readonly isMarked?: true;
}

/** What the log holds of one session of a sender in one partition, read when all was over. */
export interface Logged {
  readonly e: 'logged';
  /** When it was read, which says nothing of when it was written. */
  readonly at: number;
  readonly who: string;
  readonly partition: number;
  /** Of the session's lease, as text: it is beyond what JSON takes for a whole number. */
  readonly epoch: string;
  /** How many batches of the partition come before that of its first record, and of its last. */
  readonly first: number;
  readonly last: number;
  readonly records: number;
}

/** Something was disturbed from `at` until `until`. */
export interface Disturbed {
  readonly e: 'disturbed';
  readonly at: number;
  readonly until: number;
  readonly kind: string;
  readonly target: string;
}

/** Where a named message may end, or what keeps its receipt from telling. */
export type ReceiptWord =
  | 'denied'
  | 'accepted'
  | 'durable'
  | 'expired'
  | 'delivered'
  | 'deadLettered'
  | 'acked'
  | 'unknown';

/** Written before a message with a name of its own is handed to the client that asks for its receipts. */
export interface Posted {
  readonly e: 'posted';
  readonly at: number;
  readonly who: string;
  readonly to: string;
  /** No other message of the run has it. */
  readonly id: string;
  readonly ttlMs?: number;
}

/** The client said that the message had not been sent and never would be. */
export interface Withdrawn {
  readonly e: 'withdrawn';
  readonly at: number;
  readonly who: string;
  readonly id: string;
}

/** What a sender heard of a message's end while it waited for it. */
export interface Told {
  readonly e: 'told';
  readonly at: number;
  readonly who: string;
  readonly id: string;
  readonly state: ReceiptWord;
}

/** What the fabric answered about a message when all was over. */
export interface Asked {
  readonly e: 'asked';
  readonly at: number;
  readonly who: string;
  readonly id: string;
  readonly state: ReceiptWord;
}

/** A named message came to its recipient. */
export interface Handed {
  readonly e: 'handed';
  readonly at: number;
  readonly who: string;
  readonly session: string;
  readonly id: string;
  readonly attempt: number;
}

/** Written before the recipient says so. */
export interface Answered {
  readonly e: 'answered';
  readonly at: number;
  readonly who: string;
  readonly session: string;
  readonly id: string;
  readonly how: 'acked' | 'nacked';
}

/** A dead letter that was there when all was over. */
export interface Buried {
  readonly e: 'buried';
  readonly at: number;
  /** Its recipient. */
  readonly who: string;
  readonly id: string;
  readonly attempts: number;
}

export type HistoryEvent =
  | Connected
  | Ended
  | Sent
  | Acknowledged
  | Delivered
  | Disturbed
  | Logged
  | Posted
  | Withdrawn
  | Told
  | Asked
  | Handed
  | Answered
  | Buried;
