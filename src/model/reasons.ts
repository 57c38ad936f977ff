/**
 * Every refusal the fabric can give, decided once: its canonical code (which maps to gRPC and HTTP in
 * `gateway/grpc-status.ts`) and whether trying again can help. The reasons that start with `ERR_` travel on the wire as
 * `ErrorResponse.code`. `docs/errors.md` explains each for users; a test holds the two together.
 */
export type Code =
  | 'cancelled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated';

export interface ReasonFacts {
  readonly code: Code;
  readonly retryable: boolean;
}

const final = (code: Code): ReasonFacts => ({ code, retryable: false });
const again = (code: Code): ReasonFacts => ({ code, retryable: true });

export const reasons = {
  // answered in the stream, which goes on
  ERR_INVALID_TOPIC: final('invalid_argument'),
  ERR_INVALID_ARGUMENT: final('invalid_argument'),
  ERR_INVALID_PRINCIPAL: final('permission_denied'),
  ERR_PERMISSION_DENIED: final('permission_denied'),
  ERR_PAYLOAD_TOO_LARGE: final('resource_exhausted'),
  ERR_RATE_LIMITED: again('resource_exhausted'),
  ERR_WORKSPACE_RATE_LIMITED: again('resource_exhausted'),
  ERR_QUOTA_001: final('resource_exhausted'),
  ERR_QUOTA_UNKNOWN: final('not_found'),
  ERR_QUOTA_UNAVAILABLE: again('unavailable'),
  ERR_CIRCUIT_OPEN: again('unavailable'),
  ERR_SV_UNAVAILABLE: again('unavailable'),
  ERR_PUBLISH_FAILED: again('unavailable'),
  ERR_WORKSPACE_SWITCH_FAILED: again('unavailable'),
  ERR_RECEIPT_UNKNOWN: final('not_found'),
  ERR_DELIVERY_UNKNOWN: final('not_found'),
  ERR_DEAD_LETTER_UNKNOWN: final('not_found'),
  ERR_METRIC_INVALID: final('invalid_argument'),
  ERR_METRIC_EMPTY: final('invalid_argument'),
  ERR_METRIC_INVALID_ENTRY: final('invalid_argument'),
  ERR_METRIC_NEGATIVE_FORBIDDEN: final('permission_denied'),
  KV_ERROR: again('unavailable'),
  ERR_KV_WRONG_TYPE: final('failed_precondition'),
  ERR_KV_ENCRYPTION: final('failed_precondition'),
  ERR_CHECKPOINT_UNAVAILABLE: again('unavailable'),
  ERR_CHECKPOINT_LIMIT: final('resource_exhausted'),
  ERR_NOT_IMPLEMENTED: final('unimplemented'),
  ERR_INTERNAL: final('internal'),

  // end the stream
  ERR_EXTENSION_UNSUPPORTED: final('failed_precondition'),
  INVALID_FRAME: final('invalid_argument'),
  INVALID_IDENTITY: final('invalid_argument'),
  INIT_EXPECTED: final('invalid_argument'),
  INIT_REPEATED: final('invalid_argument'),
  INIT_TIMEOUT: again('deadline_exceeded'),
  FRAME_TOO_LARGE: final('resource_exhausted'),
  CONNECTION_QUOTA: again('resource_exhausted'),
  DUPLICATE_IDENTITY: final('already_exists'),
  LEASE_LOST: again('unavailable'),
  SESSION_SUPERSEDED: again('unavailable'),
  SESSION_KICKED: final('cancelled'),
  SLOW_CONSUMER: again('resource_exhausted'),
  DRAINING: again('unavailable'),

  // between parts, and at start
  STORE_UNAVAILABLE: again('unavailable'),
  STORE_MISMATCH: final('failed_precondition'),
  CONFIG_INVALID: final('invalid_argument'),
} as const satisfies Record<string, ReasonFacts>;

export type Reason = keyof typeof reasons;
