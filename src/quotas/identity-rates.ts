/**
 * The rate of each identity, whatever becomes of its connections: one that comes back finds what it has left, and one
 * whose bucket would be full again is forgotten. On another gateway it begins anew.
 */
import { identitiesRememberedMax } from '../model/limits.ts';
import type { Rate } from '../model/quota.ts';
import { TokenBucket } from './token-bucket.ts';

/** Identities looked at, whether they can be forgotten, each time one leaves. */
const lookedAtMax = 4;

export class IdentityRates {
  readonly #rememberedMax: number;
  readonly #present = new Map<string, { readonly bucket: TokenBucket; sessions: number }>();
  /** In the order they left. */
  readonly #away = new Map<string, TokenBucket>();

  constructor(rememberedMax = identitiesRememberedMax) {
    this.#rememberedMax = rememberedMax;
  }

  /** Identities that are away and have not got back all they used. */
  get remembered(): number {
    return this.#away.size;
  }

  /** For one session more. */
  open(identity: string, rate: Rate, nowMs: number): TokenBucket {
    const found = this.#present.get(identity);
    const bucket = found?.bucket ?? this.#away.get(identity) ?? new TokenBucket(rate, nowMs);
    bucket.adopt(rate, nowMs);
    this.#away.delete(identity);
    this.#present.set(identity, { bucket, sessions: (found?.sessions ?? 0) + 1 });
    return bucket;
  }

  adopt(identity: string, rate: Rate, nowMs: number): void {
    this.#present.get(identity)?.bucket.adopt(rate, nowMs);
  }

  /** For one session less. */
  close(identity: string, nowMs: number): void {
    const found = this.#present.get(identity);
    if (found === undefined) return;
    found.sessions -= 1;
    if (found.sessions > 0) return;
    this.#present.delete(identity);
    if (!found.bucket.isFull(nowMs)) this.#away.set(identity, found.bucket);
    this.#forget(nowMs);
  }

  #forget(nowMs: number): void {
    let looked = 0;
    for (const [identity, bucket] of this.#away) {
      const isTooMany = this.#away.size > this.#rememberedMax;
      if (isTooMany || bucket.isFull(nowMs)) this.#away.delete(identity);
      looked += 1;
      if (looked >= lookedAtMax) return;
    }
  }
}
