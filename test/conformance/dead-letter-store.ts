import { describe, expect, test } from 'vitest';
import type { DeadLetter, DeadLetterStore } from '../../src/ports/dead-letter-store.ts';

interface Opened extends AsyncDisposable {
  readonly store: DeadLetterStore;
}

let serial = 0;
const fresh = (label: string): string => `${label}-${process.pid}-${(serial += 1)}-${Date.now()}`;
const letter = (topic: string, id: string): DeadLetter => ({
  id,
  topic,
  recipient: 'ag::w::i::s',
  source: 'us::ü::1',
  owner: 'us::ü::1',
  messageId: "it's|mine",
  attempts: 5,
  reason: 'not acknowledged in time',
  buriedAtMs: 1_790_000_000_000,
  frame: Buffer.from([0, 0, 0, 0, 1, 10]),
});
const plain = (letters: readonly DeadLetter[]) => letters.map((one) => ({ ...one, frame: [...one.frame] }));

/** What every store of dead letters does. */
export const deadLetterStoreConformance = (adapter: string, open: () => Promise<Opened>): void => {
  describe(`dead letter store: ${adapter}`, () => {
    test('lists page by page in the order they were buried, by topic or all', async () => {
      await using opened = await open();
      const [topic, other] = [fresh('ag::w::i'), fresh('ag::w::j')];
      const letters = Array.from({ length: 5 }, (_, index) => letter(topic, fresh(`l${index}`)));
      await opened.store.add(letters.slice(0, 3));
      await opened.store.add([letter(other, fresh('o'))]);
      await opened.store.add(letters.slice(3));
      const found: DeadLetter[] = [];
      let after: string | undefined = '';
      let pages = 0;
      while (after !== undefined) {
        const page = await opened.store.list(topic, after, 2);
        found.push(...page.letters);
        after = page.next;
        pages += 1;
      }
      expect(plain(found)).toEqual(plain(letters));
      expect(pages).toBe(3);
      expect((await opened.store.list('', '', 1000)).letters.map(({ topic: of }) => of)).toContain(other);
      expect(await opened.store.list(fresh('none'), '', 10)).toEqual({ letters: [] });
    });

    test('keeps the first of what is buried twice', async () => {
      await using opened = await open();
      const one = letter(fresh('ag::w::i'), fresh('twice'));
      await opened.store.add([one]);
      await opened.store.add([{ ...one, attempts: 9 }]);
      expect(plain(await opened.store.get([one.id]))).toEqual(plain([one]));
    });

    test('finds and removes by id, and says how many were there', async () => {
      await using opened = await open();
      const topic = fresh('ag::w::i');
      const [one, two] = [letter(topic, fresh('one')), letter(topic, fresh('two'))];
      await opened.store.add([one, two]);
      expect((await opened.store.get([two.id, 'nothing'])).map(({ id }) => id)).toEqual([two.id]);
      expect(await opened.store.remove([two.id, 'nothing'])).toBe(1);
      expect(await opened.store.remove([two.id])).toBe(0);
      expect((await opened.store.list(topic, '', 10)).letters.map(({ id }) => id)).toEqual([one.id]);
      expect(await opened.store.get([])).toEqual([]);
      expect(await opened.store.remove([])).toBe(0);
    });
  });
};
