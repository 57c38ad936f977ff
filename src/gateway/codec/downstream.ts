import { DownstreamMessage } from '../../gen/aether/v1/gateway.ts';
import type { FabricError } from '../../model/error.ts';

export type Downstream = NonNullable<DownstreamMessage['payload']>;

const prefixBytes = 5;

/** A frame as it is written: gRPC's prefix (not compressed, length) and the message. */
export const encodeDownstream = (payload: Downstream): Uint8Array =>
  withPrefix(DownstreamMessage.encode({ payload, activeExtensions: [] }).finish());

export const withPrefix = (message: Uint8Array): Uint8Array => {
  const framed = Buffer.allocUnsafe(prefixBytes + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, prefixBytes);
  return framed;
};

/** The in-stream refusal of one frame. */
export const errorPayload = (error: FabricError, requestId: string): Downstream => ({
  $case: 'error',
  value: {
    code: error.reason,
    message: error.message,
    retryable: error.retryable,
    retryAfterMs: BigInt(error.retryAfterMs ?? 0),
    requestId,
  },
});
