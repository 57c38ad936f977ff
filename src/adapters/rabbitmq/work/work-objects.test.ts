import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bellOf, queueOfTopic } from './work-objects.ts';

describe('queue names', () => {
  test('are the topic behind the prefix', () => {
    expect(queueOfTopic('aether.work', 'tb::w::i')).toBe('aether.work.tb::w::i');
    expect(bellOf('aether.work')).toBe('aether.work.bell');
  });

  test('stay within what brokers take, and apart', () => {
    const topic = fc.string({ unit: 'grapheme', maxLength: 400 });
    fc.assert(
      fc.property(topic, topic, (one, other) => {
        const name = queueOfTopic('aether.work', one);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(queueOfTopic('aether.work', one)).toBe(name);
        expect(queueOfTopic('aether.work', other) === name).toBe(one === other);
      }),
      { numRuns: 2000 },
    );
    const long = `tb::${'w'.repeat(128)}::${'i'.repeat(128)}`;
    expect(queueOfTopic('aether.work', `${long}1`)).not.toBe(queueOfTopic('aether.work', `${long}2`));
  });
});
