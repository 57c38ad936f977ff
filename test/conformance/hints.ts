import { describe, expect, test } from 'vitest';
import { stepOf } from '../../src/model/receipt.ts';
import type { Hint, Hints } from '../../src/ports/hints.ts';

interface Opened extends AsyncDisposable {
  /** Two gateways' ends. */
  readonly ends: readonly [Hints, Hints];
}

/** What every carrier of hints does. */
export const hintsConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`hints: ${adapter}`, () => {
    test('everyone who subscribes hears a hint, its sender included, until it stops', async () => {
      await using opened = await open();
      const stop = [new AbortController(), new AbortController()] as const;
      const heard: [Hint[], Hint[]] = [[], []];
      const both = Promise.withResolvers<void>();
      for (const end of [0, 1] as const)
        await opened.ends[end].subscribe(
          (hint) => {
            heard[end].push(hint);
            if (heard[0].length > 0 && heard[1].length > 0) both.resolve();
          },
          { signal: stop[end].signal },
        );
      const kick: Hint = { kind: 'kick', identity: 'ag::w::i::ü', epoch: 1_790_000_000_000_001n, reason: 'because' };
      opened.ends[0].publish(kick);
      await both.promise;
      expect(heard).toEqual([[kick], [kick]]);

      stop[0].abort();
      const second = Promise.withResolvers<void>();
      await opened.ends[1].subscribe(() => second.resolve(), { signal: stop[1].signal });
      opened.ends[0].publish({ kind: 'presence', probe: 'p', alive: true });
      await second.promise;
      expect(heard[0]).toEqual([kick]);
      stop[1].abort();
    });

    test('receipts come as they are', async () => {
      await using opened = await open();
      const stop = new AbortController();
      const heard = Promise.withResolvers<Hint>();
      await opened.ends[1].subscribe(heard.resolve, { signal: stop.signal });
      const receipt = { id: 'ü|"1"', state: 'delivered', atMs: 1_790_000_000_000.5, reason: '' } as const;
      const hint: Hint = { kind: 'receipts', steps: [stepOf('ag::w::i::s', receipt)] };
      opened.ends[0].publish(hint);
      expect(await heard.promise).toEqual(hint);
      stop.abort();
    });

    test('a hint nobody listens to is no error', async () => {
      await using opened = await open();
      opened.ends[1].publish({ kind: 'probe', identity: 'x', epoch: 1n, probe: 'p' });
    });
  });
};
