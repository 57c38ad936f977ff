import type { AetherError } from './error.ts';

/** Why a client is closed for good. */
export type ClosedReason =
  /** By its own `close()`; everything sent on its last connection is durable. */
  | { readonly by: 'client' }
  /** The gateway ended it for good: an administrator, or somebody took the identity over. */
  | { readonly by: 'gateway'; readonly message: string }
  /** A refusal that trying again does not change, or all attempts used up, or `close()` without confirmation. */
  | { readonly by: 'failure'; readonly error: AetherError };

/**
 * Where a client stands: `connecting` → `connected` → (`draining` →) `reconnecting` → `connected` → … → `closed`.
 */
export type ConnectionStatus =
  | { readonly state: 'connecting'; readonly address: string }
  | {
      readonly state: 'connected';
      readonly address: string;
      readonly sessionId: string;
      /** The gateway continued the session of the connection before. */
      readonly resumed: boolean;
      /** How often this client has come back. */
      readonly reconnections: number;
    }
  /** The gateway is about to end the connection; the client comes back by itself. Sends wait meanwhile. */
  | { readonly state: 'draining'; readonly message: string }
  | {
      readonly state: 'reconnecting';
      /** From 1, since the connection was lost. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly cause: AetherError;
    }
  | { readonly state: 'closed'; readonly reason: ClosedReason };
