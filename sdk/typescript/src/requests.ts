/**
 * Requests that wait for their answer, found again by request id. An answer comes as the operation's own frame; a failed
 * one may be followed by an error of the same id, which knows the reason better. Answers nobody waits for any more are
 * dropped. A connection that breaks takes the requests with it that were handed to it: whether they were carried out is
 * not known. Those still waiting to be sent go out on the next connection.
 */
import { randomUUID } from 'node:crypto';
import { type AetherError, failure } from './error.ts';
import { refusalPatienceMs, requestsMax } from './limits.ts';
import type { Downstream } from './wire.ts';

export interface RequestTimes {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface OpenRequest {
  readonly id: string;
  /** The operation's own answer; rejects where it says that it failed. */
  readonly answer: Promise<Downstream>;
  /** Aborts when it is over: what has not been handed to a connection by then need not be. */
  readonly over: AbortSignal;
  /** It has been handed to the connection. */
  handed(): void;
  /** It will not be sent after all. */
  fail(error: unknown): void;
}

interface Pending {
  isHanded: boolean;
  readonly onAnswer: (() => void) | undefined;
  readonly settle: (error: unknown, payload?: Downstream) => void;
}

export class Requests {
  readonly #pending = new Map<string, Pending>();
  readonly #prefix = randomUUID().slice(0, 8);
  #count = 0;

  get size(): number {
    return this.#pending.size;
  }

  /**
   * With `onAnswer` the request is a barrier: it is called the moment the answer arrives, and any answer will do.
   */
  open(what: string, { timeoutMs, signal }: RequestTimes, onAnswer?: () => void): OpenRequest {
    signal?.throwIfAborted();
    if (this.#pending.size >= requestsMax)
      throw failure('TOO_MANY_REQUESTS', `${requestsMax} requests are unanswered already`);
    this.#count += 1;
    const id = `${this.#prefix}-${this.#count}`;
    const { promise, resolve, reject } = Promise.withResolvers<Downstream>();
    const abort = (): void => pending.settle(signal?.reason);
    const expire = (): void => pending.settle(failure('REQUEST_TIMEOUT', `${what}: no answer within ${timeoutMs} ms`));
    const timer = setTimeout(expire, timeoutMs);
    const over = new AbortController();
    signal?.addEventListener('abort', abort, { once: true });
    const pending: Pending = {
      isHanded: false,
      onAnswer,
      settle: (error, payload) => {
        if (!this.#pending.delete(id)) return;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if (payload === undefined) reject(error);
        else resolve(payload);
        // Without a reason an exception would be made up, with its stack.
        over.abort(error ?? 'answered');
      },
    };
    this.#pending.set(id, pending);
    return {
      id,
      answer: promise,
      over: over.signal,
      handed: () => {
        pending.isHanded = true;
      },
      fail: (error) => pending.settle(error),
    };
  }

  /** Takes an answer; false where nobody waits for it. */
  answer(payload: Downstream): boolean {
    const pending = this.#pending.get(requestIdOf(payload));
    if (pending === undefined) return false;
    pending.onAnswer?.();
    const fault = pending.onAnswer === undefined ? faultOf(payload) : undefined;
    if (fault === undefined) pending.settle(undefined, payload);
    else setTimeout(() => pending.settle(failure('REQUEST_FAILED', fault)), refusalPatienceMs);
    return true;
  }

  /** Takes an error with a request id; false where nobody waits for it. */
  refuse(error: AetherError): boolean {
    const pending = this.#pending.get(error.requestId ?? '');
    pending?.onAnswer?.();
    pending?.settle(error);
    return pending !== undefined;
  }

  /** The connection the handed ones went to is gone. */
  lose(cause: unknown): void {
    const lost = failure('CONNECTION_LOST', 'the connection broke before the answer came', { cause });
    for (const pending of this.#pending.values()) if (pending.isHanded) pending.settle(lost);
  }

  failAll(error: unknown): void {
    for (const pending of this.#pending.values()) pending.settle(error);
  }
}

const requestIdOf = ({ value }: Downstream): string => {
  if ('requestId' in value) return value.requestId;
  return 'clientRequestId' in value ? value.clientRequestId : '';
};

/** What the answer says went wrong, if anything. */
const faultOf = ({ value }: Downstream): string | undefined => {
  const succeeded = 'success' in value ? value.success : !('ok' in value) || value.ok;
  if (succeeded) return undefined;
  return 'error' in value && typeof value.error === 'string' && value.error !== '' ? value.error : 'request failed';
};
