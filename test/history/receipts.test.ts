/** The checker of receipts on histories that are right and histories that are known to be wrong. */
import { describe, expect, test } from 'vitest';
import type { Answered, Asked, Buried, Handed, HistoryEvent, Posted, ReceiptWord, Told } from './event.ts';
import { History } from './history.ts';
import { countReceipts, findReceiptFaults } from './receipts.ts';

let clock = 0;
const now = (): number => (clock += 10);

const connected = (session: string): HistoryEvent => ({
  e: 'connected',
  at: now(),
  who: 'r',
  session,
  gateway: 'g1',
  resumes: '',
  resumed: false,
});
const wiped = (): HistoryEvent => ({ e: 'disturbed', at: now(), until: now(), kind: 'redis-wipe', target: 'redis' });
const posted = (id: string, more: Partial<Posted> = {}): Posted => ({
  e: 'posted',
  at: now(),
  who: 's',
  to: 'r',
  id,
  ...more,
});
const told = (id: string, state: ReceiptWord): Told => ({ e: 'told', at: now(), who: 's', id, state });
const asked = (id: string, state: ReceiptWord): Asked => ({ e: 'asked', at: now(), who: 's', id, state });
const handed = (id: string, session = 'r1', attempt = 1): Handed => ({
  e: 'handed',
  at: now(),
  who: 'r',
  session,
  id,
  attempt,
});
const answered = (id: string, how: Answered['how'], session = 'r1'): Answered => ({
  e: 'answered',
  at: now(),
  who: 'r',
  session,
  id,
  how,
});
const buried = (id: string): Buried => ({ e: 'buried', at: now(), who: 'r', id, attempts: 5 });
const acked = (id: string, session = 'r1'): HistoryEvent[] => [handed(id, session), answered(id, 'acked', session)];
const brief = { ttlMs: 5 };

const found = (...events: HistoryEvent[]): string[] =>
  findReceiptFaults(new History([{ ...connected('r1'), at: 0 }, ...events])).map(({ kind }) => kind);

describe('right', () => {
  test('each end with what its recipient wrote', () => {
    expect(found(posted('a'), ...acked('a'), told('a', 'acked'), asked('a', 'acked'))).toEqual([]);
    expect(found(posted('a'), handed('a'), answered('a', 'nacked'), buried('a'), asked('a', 'deadLettered'))).toEqual(
      [],
    );
    expect(found(posted('a', brief), told('a', 'expired'), asked('a', 'expired'))).toEqual([]);
    expect(found(posted('a', brief), handed('a'), answered('a', 'nacked'), asked('a', 'expired'))).toEqual([]);
    expect(found(posted('a'), { e: 'withdrawn', at: now(), who: 's', id: 'a' })).toEqual([]);
  });

  test('an acknowledgement that was lost with its session, and the message came again or its time was over', () => {
    const lost = [...acked('a'), connected('r2')];
    expect(found(posted('a'), ...lost, ...acked('a', 'r2'), asked('a', 'acked'))).toEqual([]);
    expect(found(posted('a', brief), ...lost, asked('a', 'expired'))).toEqual([]);
    expect(found(posted('a'), ...lost, handed('a', 'r2'), buried('a'), asked('a', 'deadLettered'))).toEqual([]);
  });

  test('a message that was on the wire when its time was over', () => {
    expect(found(posted('a', brief), told('a', 'expired'), ...acked('a'), asked('a', 'acked'))).toEqual([]);
  });

  test('a receipt that says less after Redis has lost its data', () => {
    expect(found(posted('a'), ...acked('a'), told('a', 'acked'), wiped(), asked('a', 'unknown'))).toEqual([]);
    expect(found(posted('a'), ...acked('a'), wiped(), asked('a', 'durable'))).toEqual([]);
  });

  test('is counted, with the freedom it took', () => {
    const events = [
      connected('r1'),
      posted('early'),
      asked('early', 'unknown'),
      wiped(),
      posted('a'),
      ...acked('a'),
      asked('a', 'acked'),
      posted('b', brief),
      told('b', 'expired'),
      ...acked('b'),
      handed('b'),
      asked('b', 'acked'),
      posted('c', brief),
      ...acked('c'),
      connected('r2'),
      asked('c', 'expired'),
    ];
    expect(countReceipts(new History(events))).toEqual({
      letters: 4,
      ends: { unknown: 1, acked: 2, expired: 1 },
      again: 1,
      wiped: 1,
      unheard: 1,
      late: 1,
    });
  });
});

describe('wrong', () => {
  test('acked, and nobody said so', () => {
    expect(found(posted('a'), handed('a'), asked('a', 'acked'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a'), handed('a'), answered('a', 'nacked'), asked('a', 'acked'))).toEqual([
      'receipt_unfounded',
    ]);
    expect(found(posted('a'), asked('a', 'acked'))).toEqual(['receipt_unfounded']);
    // Nor is that excused by what Redis has lost.
    expect(found(posted('a'), handed('a'), wiped(), asked('a', 'acked'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a'), handed('a'), told('a', 'acked'), wiped(), asked('a', 'unknown'))).toEqual([
      'receipt_unfounded',
    ]);
  });

  test('acknowledged to a session that stood, and the receipt does not say so', () => {
    expect(found(posted('a'), ...acked('a'), asked('a', 'delivered'))).toEqual(['receipt_hanging']);
    expect(found(posted('a', brief), ...acked('a'), asked('a', 'expired'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a'), ...acked('a'), buried('a'), asked('a', 'deadLettered'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a', brief), ...acked('a'), asked('a', 'denied'))).toEqual(['receipt_unfounded']);
  });

  test('no end at all', () => {
    for (const state of ['accepted', 'durable', 'delivered', 'unknown'] as const)
      expect(found(posted('a'), asked('a', state))).toEqual(['receipt_hanging']);
    expect(found(posted('a'))).toEqual(['receipt_hanging']);
    expect(found(wiped(), posted('a'), asked('a', 'unknown'))).toEqual(['receipt_hanging']);
  });

  test('dead letters that are not there, are there twice, or of what was done', () => {
    expect(found(posted('a'), handed('a'), asked('a', 'deadLettered'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a'), handed('a'), buried('a'), buried('a'), asked('a', 'deadLettered'))).toEqual([
      'buried_twice',
    ]);
    expect(found(posted('a'), ...acked('a'), buried('a'), asked('a', 'acked'))).toEqual(['buried_and_acked']);
    expect(found(posted('a', brief), handed('a'), buried('a'), asked('a', 'expired'))).toEqual(['receipt_missing']);
  });

  test('expired without a time to live', () => {
    expect(found(posted('a'), asked('a', 'expired'))).toEqual(['receipt_unfounded']);
    expect(found(posted('a'), told('a', 'expired'), ...acked('a'), asked('a', 'acked'))).toEqual(['receipt_unfounded']);
  });

  test('another end than its sender was told of', () => {
    const events = [posted('a', brief), handed('a'), answered('a', 'nacked'), ...acked('a'), connected('r2')];
    expect(found(...events, told('a', 'acked'), asked('a', 'expired'))).toEqual(['receipt_changed']);
    expect(found(posted('a', brief), told('a', 'expired'), asked('a', 'denied'))).toEqual(['receipt_unfounded']);
  });

  test('delivered, and nobody posted it', () => {
    expect(found(handed('a'))).toEqual(['unsent']);
  });
});
