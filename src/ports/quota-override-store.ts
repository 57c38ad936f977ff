import type { LimitChanges } from '../model/quota.ts';

/** Limits that are different for one workspace or identity. */
export interface QuotaOverride {
  /** As `model/quota.ts` reads it. */
  readonly subject: string;
  readonly limits: LimitChanges;
}

/** What operators have changed, for every gateway and for good. */
export interface QuotaOverrideStore {
  /** All, in the order of their subjects. */
  list(): Promise<readonly QuotaOverride[]>;
  /** Resolves once it is durable. Takes the place of what the subject had. */
  put(override: QuotaOverride): Promise<void>;
  /** False where the subject had none. */
  remove(subject: string): Promise<boolean>;
}
