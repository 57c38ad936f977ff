/** What a supervisor and its workers say to each other. */
import type { Health } from '../admin/health.ts';
import type { Reason } from '../model/reasons.ts';

/** The answer to each question. */
export interface Answers {
  readonly health: Health;
  /** In Prometheus' text format. */
  readonly metrics: string;
}

export type Question = keyof Answers;

export type ToWorker<Config = object> =
  /** The first message. The configuration is that of the command line, the gateway's name the worker's own. */
  | { readonly kind: 'start'; readonly number: number; readonly config: Config }
  /** Comes with the socket of a client. */
  | { readonly kind: 'connection' }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Tell the clients, finish what is under way, end. */
  | { readonly kind: 'drain' };

export type FromWorker =
  | { readonly kind: 'serving'; readonly gatewayId: string; readonly summary: string }
  /** It cannot start, and ends. */
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string }
  /** A connection has arrived. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[Question] };
