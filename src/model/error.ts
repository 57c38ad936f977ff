import { type Code, type Reason, reasons } from './reasons.ts';

export interface FabricErrorOptions {
  readonly cause?: unknown;
  /** How long to wait before trying again, in milliseconds; only where the refusal knows it. */
  readonly retryAfterMs?: number | undefined;
}

/** The one error type that crosses parts. `reason` is for programs, `message` for people; neither holds a secret. */
export class FabricError extends Error {
  override readonly name = 'FabricError';
  readonly reason: Reason;
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, options: FabricErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }

  get code(): Code {
    return reasons[this.reason].code;
  }

  get retryable(): boolean {
    return reasons[this.reason].retryable;
  }
}

/** Whatever was thrown, as a FabricError; what nobody foresaw is `ERR_INTERNAL` with its cause. */
export const asFabricError = (thrown: unknown): FabricError =>
  thrown instanceof FabricError ? thrown : new FabricError('ERR_INTERNAL', 'internal error', { cause: thrown });
