/**
 * What the driver throws, as FabricErrors: decides here, and nowhere else in this adapter, whether trying again can
 * help. Redis names its refusals by the first word of the reply; everything else the driver throws is about the way to
 * the server.
 */
import { FabricError } from '../../model/error.ts';

/** Redis is there but cannot serve now: starting, failing over, moving slots, without room or disk, busy in a script. */
const passingRefusals: ReadonlySet<string> = new Set([
  'LOADING',
  'CLUSTERDOWN',
  'READONLY',
  'TRYAGAIN',
  'MASTERDOWN',
  'MOVED',
  'ASK',
  'NOREPLICAS',
  'BUSY',
  'OOM',
  'MISCONF',
]);

const credentialRefusals: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

/** Failures of code, not of Redis; the driver throws its own as plain `Error`s and by names of their own. */
const isDefect = (thrown: Error): boolean =>
  thrown instanceof TypeError || thrown instanceof RangeError || thrown instanceof SyntaxError;

export const asStoreError = (thrown: unknown): FabricError => {
  if (thrown instanceof FabricError) return thrown;
  if (!(thrown instanceof Error) || isDefect(thrown))
    return new FabricError('ERR_INTERNAL', 'internal error', { cause: thrown });
  const refusal = refusalOf(thrown);
  if (refusal === undefined) return new FabricError('STORE_UNAVAILABLE', 'Redis cannot be reached', { cause: thrown });
  // The driver hangs the command with its arguments on the error, a password among them; logs print errors whole (I12).
  Reflect.deleteProperty(thrown, 'command');
  return passingRefusals.has(refusal)
    ? new FabricError('STORE_UNAVAILABLE', 'Redis cannot serve now', { cause: thrown })
    : new FabricError('ERR_INTERNAL', 'Redis refused a command', { cause: thrown });
};

/** The first word of an error that Redis itself replied. */
const refusalOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && thrown.name === 'ReplyError' ? thrown.message.split(' ', 1)[0] : undefined;

/** Redis does not know the script of this digest: it has not run there yet, or Redis has forgotten it. */
export const isUnknownScript = (thrown: unknown): boolean => refusalOf(thrown) === 'NOSCRIPT';

export const isCredentialRefusal = (thrown: unknown): boolean => {
  const refusal = refusalOf(thrown);
  return refusal !== undefined && credentialRefusals.has(refusal);
};
