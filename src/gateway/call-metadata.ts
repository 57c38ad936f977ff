import type { FabricError } from '../model/error.ts';
import { extensionsMax } from '../model/limits.ts';
import type { ConnectCall } from './grpc-inside.ts';
import { grpcStatus } from './grpc-status.ts';

/** Extension URIs a client may also name in the call's metadata, separated by commas. */
export const extensionsOf = (call: ConnectCall): readonly string[] =>
  call.metadata
    .get('aether-extensions')
    .flatMap((value) => value.toString().split(','))
    .map((uri) => uri.trim())
    .filter((uri) => uri !== '')
    .slice(0, extensionsMax);

/** Ends a call with OK or with the error's status. */
export const endCall = (call: ConnectCall, error: FabricError | undefined): void => {
  if (error === undefined) call.end();
  else call.emit('error', { code: grpcStatus[error.code], details: error.message });
};
