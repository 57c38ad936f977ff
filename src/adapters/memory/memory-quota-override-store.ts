import type { QuotaOverride, QuotaOverrideStore } from '../../ports/quota-override-store.ts';

const bySubject = (one: QuotaOverride, other: QuotaOverride): number =>
  Buffer.compare(Buffer.from(one.subject), Buffer.from(other.subject));

/** Overrides of one process, as long as it lives. */
export class MemoryQuotaOverrideStore implements QuotaOverrideStore {
  readonly #overrides = new Map<string, QuotaOverride>();

  list(): Promise<readonly QuotaOverride[]> {
    return Promise.resolve([...this.#overrides.values()].toSorted(bySubject));
  }

  put(override: QuotaOverride): Promise<void> {
    this.#overrides.set(override.subject, override);
    return Promise.resolve();
  }

  remove(subject: string): Promise<boolean> {
    return Promise.resolve(this.#overrides.delete(subject));
  }
}
