/** What a client asks the gateway and waits for. */
import { closedError } from './endings.ts';
import { failure } from './error.ts';
import type { Link } from './link.ts';
import type { Verdict } from './reception.ts';
import { type Downstream, encode, type Upstream } from './wire.ts';

export interface RequestOptions {
  /** How long to wait for the answer; the client's `requestTimeoutMs` by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Question<T> {
  /** Names it in errors. */
  readonly what: string;
  readonly build: (requestId: string) => Upstream;
  /** Picks the answer; `undefined` where the frame is another. */
  readonly pick: (payload: Downstream) => T | undefined;
}

const timesOf = (link: Link, { timeoutMs, signal }: RequestOptions) => ({
  timeoutMs: timeoutMs ?? link.settings.requestTimeoutMs,
  signal,
});

const assertOpen = ({ status }: Link): void => {
  if (status.state === 'closed') throw closedError(status.reason);
};

/** Asks and waits for the answer. Rejects where the gateway refuses, and where the answer cannot come any more. */
export const ask = async <T>(link: Link, question: Question<T>, options: RequestOptions): Promise<T> => {
  assertOpen(link);
  const request = link.reception.requests.open(question.what, timesOf(link, options));
  link.reception.changed();
  link.outbox
    .push([encode(question.build(request.id))], {
      timeoutMs: undefined,
      signal: request.over,
      onHanded: () => request.handed(),
    })
    .catch((cause: unknown) => request.fail(cause));
  const answer = question.pick(await request.answer);
  if (answer === undefined) throw failure('INVALID_FRAME', `${question.what}: the gateway answered something else`);
  return answer;
};

/** A question about oneself: whatever the answer, the gateway has handled all that was sent before it. */
const aboutOneself = (link: Link, requestId: string): Upstream => ({
  $case: 'connectionStatusRequest',
  value: { requestId, principal: { principalType: '', principalId: link.identity } },
});

/** Resolves once the gateway has looked at everything sent so far; what it refused of it has been told by then. */
export const sync = async (link: Link, options: RequestOptions): Promise<void> => {
  const build = (requestId: string): Upstream => aboutOneself(link, requestId);
  await ask(link, { what: 'sync', build, pick: (payload) => payload }, options);
};

/**
 * Sends frames that are answered only when refused, and rejects with the refusal if there is one: between two questions
 * about oneself, which the gateway answers in order.
 */
export const judge = async (link: Link, frames: readonly Upstream[], options: RequestOptions): Promise<void> => {
  assertOpen(link);
  const { requests } = link.reception;
  const times = timesOf(link, options);
  const verdict: Verdict = { refusal: undefined };
  const before = requests.open('sync', times, () => link.reception.judge(verdict));
  const after = requests.open('sync', times, () => link.reception.endJudging(verdict));
  link.reception.changed();
  const asked = [aboutOneself(link, before.id), ...frames, aboutOneself(link, after.id)];
  const onHanded = (): void => {
    before.handed();
    after.handed();
  };
  link.outbox
    .push(asked.map(encode), { timeoutMs: undefined, signal: after.over, onHanded })
    .catch((cause: unknown) => {
      before.fail(cause);
      after.fail(cause);
    });
  try {
    await Promise.all([before.answer, after.answer]);
  } finally {
    link.reception.endJudging(verdict);
  }
  if (verdict.refusal !== undefined) throw verdict.refusal;
};
