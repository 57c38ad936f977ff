/** Something messages can be sent through, as the comparison sees it. */

/** A sender and the one who gets what it sends. */
export interface Pair {
  /** Resolves when the system has confirmed it. */
  publish(payload: Buffer): Promise<void>;
}

export interface System extends AsyncDisposable {
  /** `onMessage` is told of each message when it has come; it is acknowledged after. */
  openPair(name: string, onMessage: () => void): Promise<Pair>;
}

/** Which system, and where. */
export type SystemTarget =
  | { readonly kind: 'aether'; readonly address: string; readonly confirms: boolean }
  | { readonly kind: 'rabbit-streams'; readonly url: string }
  | { readonly kind: 'quorum-queues'; readonly url: string }
  | { readonly kind: 'redis-streams'; readonly address: string }
  | { readonly kind: 'jetstream'; readonly port: number };

/** Unconfirmed messages a recipient may have been given. */
export const prefetch = 256;
