/** How a stream's end reads as an error, and which ends are for good. */
import { AetherError, failure } from './error.ts';
import { type ErrorCode, type Reason, reasons } from './reasons.ts';
import type { ClosedReason } from './status.ts';
import type { StreamEnd } from './transport/transport.ts';

const reasonsByCode: Partial<Record<StreamEnd['code'], Reason>> = {
  already_exists: 'DUPLICATE_IDENTITY',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  invalid_argument: 'HANDSHAKE_REFUSED',
  failed_precondition: 'EXTENSION_UNSUPPORTED',
  not_found: 'NOT_A_GATEWAY',
  unimplemented: 'NOT_A_GATEWAY',
  deadline_exceeded: 'CONNECT_TIMEOUT',
  resource_exhausted: 'LIMIT_REACHED',
  internal: 'GATEWAY_FAILED',
  unavailable: 'GATEWAY_UNAVAILABLE',
};

/** A gateway that says OK without having been asked to end has ended the stream all the same. */
export const errorOf = ({ code, message }: StreamEnd): AetherError => {
  const reason = reasonsByCode[code] ?? 'STREAM_ENDED';
  const said = message === '' ? 'the gateway ended the stream' : message;
  return new AetherError(reason, said, { ...reasons[reason], ...(code === 'ok' ? {} : { code }) });
};

const finalCodes: ReadonlySet<ErrorCode> = new Set([
  'permission_denied',
  'unauthenticated',
  'invalid_argument',
  'not_found',
  'unimplemented',
]);

/** Whether a client that has been connected must not come back after this. A taken identity is judged elsewhere. */
export const isFinal = ({ code }: AetherError): boolean => finalCodes.has(code);

/** What a use of a client that is closed for this reason fails with. */
export const closedError = (reason: ClosedReason): AetherError => {
  switch (reason.by) {
    case 'client':
      return failure('CLIENT_CLOSED', 'the client has been closed');
    case 'gateway':
      return failure('DISCONNECTED', `the gateway ended the session: ${reason.message}`);
    case 'failure':
      return reason.error;
  }
};
