import { describe, expect, test } from 'vitest';
import type { QuotaOverrideStore } from '../../src/ports/quota-override-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: QuotaOverrideStore;
}

let serial = 0;
const fresh = (): string => `override-${process.pid}-${(serial += 1)}-${Date.now()}`;

/** What every store of overrides does. */
export const quotaOverrideStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`quota override store: ${adapter}`, () => {
    test('keeps what was put last for each subject, in the order of the subjects', async () => {
      await using opened = await open();
      const { store } = opened;
      const prefix = fresh();
      const [one, two, three] = [`${prefix}-a`, `${prefix}-b`, `ag::${prefix}::ü::1`];
      await store.put({ subject: two, limits: { workspace_rate: 5 } });
      await store.put({ subject: three, limits: { session_rate: 0, kv_value_size: 1_000_000 } });
      await store.put({ subject: one, limits: { kv_keys: 1 } });
      await store.put({ subject: two, limits: { workspace_rate: 6, workspace_burst: 7 } });
      const found = (await store.list()).filter(({ subject }) => subject.includes(prefix));
      expect(found).toEqual([
        { subject: three, limits: { session_rate: 0, kv_value_size: 1_000_000 } },
        { subject: one, limits: { kv_keys: 1 } },
        { subject: two, limits: { workspace_rate: 6, workspace_burst: 7 } },
      ]);
    });

    test('forgets what is removed, and says whether it was there', async () => {
      await using opened = await open();
      const { store } = opened;
      const subject = fresh();
      expect(await store.remove(subject)).toBe(false);
      await store.put({ subject, limits: { kv_keys: 1 } });
      expect(await store.remove(subject)).toBe(true);
      expect(await store.remove(subject)).toBe(false);
      expect((await store.list()).map((override) => override.subject)).not.toContain(subject);
    });
  });
};
