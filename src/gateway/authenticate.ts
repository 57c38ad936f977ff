import type { Claim } from './codec/identity.ts';

/** What a connection shows for who it is. Secrets in it are never logged (I12). */
export interface Evidence {
  readonly claim: Claim;
  readonly credentials: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
}

/**
 * Decides who connects: answers with the claim it accepts, or throws `UNAUTHENTICATED` or `PERMISSION_DENIED`. This is
 * the seam access control will fill; where it is, and how a gateway without it may listen, is decided in compose.
 */
export type Authenticate = (evidence: Evidence) => Promise<Claim>;

/** Takes everybody at their word. Only for gateways that nobody else can reach. */
export const acceptEveryone: Authenticate = ({ claim }) => Promise.resolve(claim);
