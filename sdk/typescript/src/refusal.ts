import { AetherError } from './error.ts';
import type { ErrorResponse } from './gen/aether/v1/error.ts';
import { refusalCode } from './reasons.ts';

/** A frame the gateway refused while the stream goes on. */
export const toRefusal = ({ code, message, retryable, retryAfterMs, requestId }: ErrorResponse): AetherError =>
  new AetherError(code, message, {
    code: refusalCode(code),
    retryable,
    retryAfterMs: retryAfterMs > 0n ? Number(retryAfterMs) : undefined,
    requestId: requestId === '' ? undefined : requestId,
  });

/** Failures the gateway learns of after it has looked at later frames: they may arrive anywhere. */
const lateReasons: ReadonlySet<string> = new Set(['ERR_PUBLISH_FAILED', 'ERR_CIRCUIT_OPEN', 'BACKPRESSURE']);

const hasteReasons: ReadonlySet<string> = new Set(['ERR_RATE_LIMITED', 'ERR_WORKSPACE_RATE_LIMITED']);

/** Whether it refuses what was sent faster than allowed. */
export const isHaste = ({ reason }: AetherError): boolean => hasteReasons.has(reason);

/** Whether it arrives in the place of the frame it refuses, among the answers. */
export const arrivesInOrder = ({ reason }: AetherError): boolean => !lateReasons.has(reason);
