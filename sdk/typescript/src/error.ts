import { type ErrorCode, type Reason, reasons } from './reasons.ts';

export interface AetherErrorOptions {
  readonly cause?: unknown;
  /** Milliseconds after which a retry makes sense, where the gateway knows. */
  readonly retryAfterMs?: number | undefined;
  /** The request the gateway answered with this error. */
  readonly requestId?: string | undefined;
}

export interface AetherErrorFacts extends AetherErrorOptions {
  readonly code: ErrorCode;
  readonly retryable: boolean;
}

/**
 * The one error of this package. `code` is one of gRPC's sixteen kinds, `reason` names the very case; both are for
 * programs. `message` is for people and its wording is no contract.
 */
export class AetherError extends Error {
  override readonly name: string = 'AetherError';
  readonly code: ErrorCode;
  readonly reason: Reason | (string & {});
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;

  constructor(reason: Reason | (string & {}), message: string, facts: AetherErrorFacts) {
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.code = facts.code;
    this.reason = reason;
    this.retryable = facts.retryable;
    this.retryAfterMs = facts.retryAfterMs;
    this.requestId = facts.requestId;
  }
}

/** An error with a reason of this package, which decides on its code. */
export const failure = (reason: Reason, message: string, options: AetherErrorOptions = {}): AetherError =>
  new AetherError(reason, message, { ...reasons[reason], ...options });

/** Whether trying again, unchanged, can help. */
export const isRetryable = (error: unknown): boolean => error instanceof AetherError && error.retryable;

/** What a thrown thing says, for people. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
