import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reasons } from '../../src/model/reasons.ts';

test('docs/errors.md and the registry of reasons say the same, both ways', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = new Map(
    [...page.matchAll(/^\| `([A-Z_\d]+)` \| `([a-z_]+)` \| (yes|no) \|/gm)].map(([, reason, code, again]) => [
      reason,
      { code, retryable: again === 'yes' },
    ]),
  );
  expect(Object.fromEntries(documented)).toEqual(reasons);
});
