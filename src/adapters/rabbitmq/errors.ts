/** What RabbitMQ and the network say, as the fabric's errors. */
import { FabricError } from '../../model/error.ts';
import { nameOfCode, responseCode } from './stream/response-code.ts';

/** Trying again may help; nothing is known about what was under way. */
export const unavailable = (message: string, cause?: unknown): FabricError =>
  new FabricError('STORE_UNAVAILABLE', message, { cause });

/** Trying again does not help before a person has mended the settings, here or at the broker. */
export const misconfigured = (message: string, cause?: unknown): FabricError =>
  new FabricError('CONFIG_INVALID', message, { cause });

const settledByPeople: ReadonlySet<number> = new Set([
  responseCode.saslMechanismNotSupported,
  responseCode.authenticationFailure,
  responseCode.saslAuthenticationFailureLoopback,
  responseCode.virtualHostAccessFailure,
  responseCode.accessRefused,
]);

/** A broker's refusal of `what`. */
export const refused = (what: string, code: number): FabricError =>
  settledByPeople.has(code)
    ? misconfigured(`${what}: ${nameOfCode(code)}`)
    : unavailable(`${what}: ${nameOfCode(code)}`);

/** `unavailable`, saying what was attempted and what came of it. */
export const failed = (what: string, cause: unknown): FabricError =>
  unavailable(cause instanceof Error ? `${what}: ${cause.message}` : what, cause);

/** An error of ours that says it all as it is; whatever else was thrown as `failed`. */
export const asUnavailable = (what: string, thrown: unknown): FabricError =>
  thrown instanceof FabricError && thrown.reason === 'STORE_UNAVAILABLE' ? thrown : failed(what, thrown);
