/**
 * Why something failed, for programs. Reasons that begin with `ERR_` come from the gateway in answer to one frame; the
 * others are decided here, once: their canonical code, and whether the same call may succeed later unchanged.
 */
export type ErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** Reasons this package gives; the README says what to do about each. */
export type Reason =
  | 'INVALID_ARGUMENT'
  | 'INVALID_IDENTITY'
  | 'INVALID_TOPIC'
  | 'PAYLOAD_TOO_LARGE'
  | 'DUPLICATE_IDENTITY'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'EXTENSION_UNSUPPORTED'
  | 'HANDSHAKE_REFUSED'
  | 'NOT_A_GATEWAY'
  | 'DISCONNECTED'
  | 'LIMIT_REACHED'
  | 'GATEWAY_UNAVAILABLE'
  | 'GATEWAY_FAILED'
  | 'STREAM_ENDED'
  | 'CREDENTIALS_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'SEND_TIMEOUT'
  | 'REQUEST_TIMEOUT'
  | 'CLOSE_TIMEOUT'
  | 'CLOSE_ABORTED'
  | 'SEND_QUEUE_FULL'
  | 'TOO_MANY_REQUESTS'
  | 'CONNECTION_LOST'
  | 'CLIENT_CLOSED'
  | 'REQUEST_FAILED'
  | 'INVALID_FRAME'
  | 'INVALID_PAYLOAD'
  | 'HANDLER_FAILED'
  | 'CLIENT_FAILED'
  | 'RECEIPTS_OFF'
  | 'ACKS_OFF'
  | 'RECEIPT_UNKNOWN'
  | 'MESSAGE_DENIED'
  | 'MESSAGE_EXPIRED'
  | 'MESSAGE_DEAD_LETTERED';

export interface ReasonFacts {
  readonly code: ErrorCode;
  readonly retryable: boolean;
}

const final = (code: ErrorCode): ReasonFacts => ({ code, retryable: false });
const again = (code: ErrorCode): ReasonFacts => ({ code, retryable: true });

export const reasons: Readonly<Record<Reason, ReasonFacts>> = {
  // what was passed in
  INVALID_ARGUMENT: final('invalid_argument'),
  INVALID_IDENTITY: final('invalid_argument'),
  INVALID_TOPIC: final('invalid_argument'),
  PAYLOAD_TOO_LARGE: final('resource_exhausted'),

  // the gateway refused or ended the stream
  DUPLICATE_IDENTITY: final('already_exists'),
  UNAUTHENTICATED: final('unauthenticated'),
  PERMISSION_DENIED: final('permission_denied'),
  EXTENSION_UNSUPPORTED: final('failed_precondition'),
  HANDSHAKE_REFUSED: final('invalid_argument'),
  NOT_A_GATEWAY: final('unimplemented'),
  DISCONNECTED: final('cancelled'),
  LIMIT_REACHED: again('resource_exhausted'),
  GATEWAY_UNAVAILABLE: again('unavailable'),
  GATEWAY_FAILED: again('internal'),
  STREAM_ENDED: again('unavailable'),
  CREDENTIALS_FAILED: again('unavailable'),

  // waiting came to an end
  CONNECT_TIMEOUT: again('deadline_exceeded'),
  SEND_TIMEOUT: again('unavailable'),
  REQUEST_TIMEOUT: again('deadline_exceeded'),
  CLOSE_TIMEOUT: final('deadline_exceeded'),
  CLOSE_ABORTED: final('cancelled'),

  // a bound was reached
  SEND_QUEUE_FULL: again('resource_exhausted'),
  TOO_MANY_REQUESTS: again('resource_exhausted'),

  // the connection, seen from here
  CONNECTION_LOST: again('unavailable'),
  CLIENT_CLOSED: final('failed_precondition'),

  // something arrived that could not be used
  REQUEST_FAILED: final('unknown'),
  INVALID_FRAME: final('internal'),
  INVALID_PAYLOAD: final('invalid_argument'),
  HANDLER_FAILED: final('internal'),
  CLIENT_FAILED: final('internal'),

  // what became of a message
  RECEIPTS_OFF: final('failed_precondition'),
  ACKS_OFF: final('failed_precondition'),
  RECEIPT_UNKNOWN: final('not_found'),
  MESSAGE_DENIED: final('permission_denied'),
  MESSAGE_EXPIRED: final('deadline_exceeded'),
  MESSAGE_DEAD_LETTERED: final('aborted'),
};

/** Codes of the reasons a gateway gives; whether they are retryable it says itself. */
const refusalCodes: Readonly<Record<string, ErrorCode>> = {
  ERR_INVALID_TOPIC: 'invalid_argument',
  ERR_INVALID_ARGUMENT: 'invalid_argument',
  ERR_INVALID_IDENTIFIER: 'invalid_argument',
  ERR_INVALID_PRINCIPAL: 'permission_denied',
  ERR_PERMISSION_DENIED: 'permission_denied',
  ERR_PAYLOAD_TOO_LARGE: 'resource_exhausted',
  ERR_RATE_LIMITED: 'resource_exhausted',
  ERR_WORKSPACE_RATE_LIMITED: 'resource_exhausted',
  ERR_QUOTA_001: 'resource_exhausted',
  ERR_QUOTA_UNKNOWN: 'not_found',
  ERR_QUOTA_UNAVAILABLE: 'unavailable',
  ERR_SV_UNAVAILABLE: 'unavailable',
  ERR_CIRCUIT_OPEN: 'unavailable',
  ERR_PUBLISH_FAILED: 'unavailable',
  ERR_WORKSPACE_SWITCH_FAILED: 'unavailable',
  ERR_RECEIPT_UNKNOWN: 'not_found',
  ERR_DELIVERY_UNKNOWN: 'not_found',
  ERR_DEAD_LETTER_UNKNOWN: 'not_found',
  ERR_METRIC_INVALID: 'invalid_argument',
  ERR_METRIC_EMPTY: 'invalid_argument',
  ERR_METRIC_INVALID_ENTRY: 'invalid_argument',
  ERR_METRIC_NEGATIVE_FORBIDDEN: 'permission_denied',
  KV_ERROR: 'unavailable',
  ERR_KV_WRONG_TYPE: 'failed_precondition',
  ERR_KV_ENCRYPTION: 'failed_precondition',
  ERR_CHECKPOINT_UNAVAILABLE: 'unavailable',
  ERR_CHECKPOINT_LIMIT: 'resource_exhausted',
  ERR_NOT_IMPLEMENTED: 'unimplemented',
  ERR_INTERNAL: 'internal',
  BACKPRESSURE: 'resource_exhausted',
};

export const refusalCode = (reason: string): ErrorCode =>
  Object.hasOwn(refusalCodes, reason) ? (refusalCodes[reason] ?? 'unknown') : 'unknown';
