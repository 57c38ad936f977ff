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

/** Something was disturbed from `at` until `until`. */
export interface Disturbed {
  readonly e: 'disturbed';
  readonly at: number;
  readonly until: number;
  readonly kind: string;
  readonly target: string;
}

export type HistoryEvent = Connected | Ended | Sent | Acknowledged | Delivered | Disturbed;
