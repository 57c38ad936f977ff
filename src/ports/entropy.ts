/** Randomness and ids, so that a run can be repeated from a seed. */
export interface Entropy {
  /** A version 4 UUID. */
  uuid(): string;
  /** Uniform in [0, 1). */
  random(): number;
  /** Unpredictable to everyone, for nonces. */
  bytes(count: number): Uint8Array;
}
