/** The checkers on histories that are right and histories that are known to be wrong. */
import { describe, expect, test } from 'vitest';
import type { Delivered, HistoryEvent, Logged } from './event.ts';
import { History } from './history.ts';
import { judge } from './verdict.ts';

let clock = 0;
const now = (): number => (clock += 10);

const connected = (who: string, session: string, more: object = {}): HistoryEvent => ({
  e: 'connected',
  at: now(),
  who,
  session,
  gateway: 'g1',
  resumes: '',
  resumed: false,
  ...more,
});
const sent = (session: string, first: number, count: number): HistoryEvent => ({
  e: 'sent',
  at: now(),
  who: 's',
  session,
  to: 'r',
  first,
  count,
});
const acknowledged = (session: string): HistoryEvent => ({ e: 'acknowledged', at: now(), who: 's', session });
const ended = (who: string, session: string): HistoryEvent => ({ e: 'ended', at: now(), who, session });
const delivered = (session: string | undefined, first: number, count: number, more: object = {}): Delivered => ({
  e: 'delivered',
  at: now(),
  who: 'r',
  from: 's',
  first,
  count,
  ...(session === undefined ? {} : { session }),
  ...more,
});

/** The log has `records` of the sender's session of this epoch, in the batches from `first` to `last`. */
const logged = (epoch: string, [first, last]: readonly [number, number], more: Partial<Logged> = {}): Logged => ({
  e: 'logged',
  at: now(),
  who: 's',
  partition: 0,
  epoch,
  first,
  last,
  records: last - first + 1,
  ...more,
});

const judged = (...events: HistoryEvent[]) => judge(new History(events), clock);
const found = (...events: HistoryEvent[]): [string, number][] =>
  judged(...events).violations.map(({ kind, messages }) => [kind, messages]);

/** A sender and a recipient are connected. */
const begun = (): HistoryEvent[] => [connected('s', 's1'), connected('r', 'r1')];

describe('histories without a fault', () => {
  test('everything arrives once and in order', () => {
    const verdict = judged(
      ...begun(),
      sent('s1', 1, 5),
      acknowledged('s1'),
      delivered('r1', 1, 2),
      delivered('r1', 3, 3),
    );
    expect(verdict.violations).toEqual([]);
    expect(verdict.counts).toMatchObject({ sent: 5, acknowledged: 5, delivered: 5, sessions: 2 });
    expect(verdict.repeats).toEqual({ messages: 0, marked: 0 });
  });

  test('what is sent on an old session before its successor has been heard may count', () => {
    const events = [...begun(), connected('s', 's2'), sent('s1', 1, 2), sent('s2', 3, 1)];
    const verdict = judged(...events, delivered('r1', 1, 3), acknowledged('s2'));
    expect(verdict).toMatchObject({ violations: [], partings: 2 });
  });

  test('what was not acknowledged may arrive, in part, or not at all', () => {
    expect(found(...begun(), sent('s1', 1, 5), ended('s', 's1'), delivered('r1', 1, 3))).toEqual([]);
    expect(found(...begun(), sent('s1', 1, 5))).toEqual([]);
  });

  test('after a reconnect the newest come again, and all of them after the places were lost', () => {
    const events = [
      ...begun(),
      sent('s1', 1, 5),
      acknowledged('s1'),
      delivered('r1', 1, 4),
      connected('r', 'r2'),
      delivered('r2', 3, 3),
      connected('r', 'r3'),
      delivered('r3', 1, 5, { isMarked: true }),
    ];
    expect(found(...events)).toEqual([]);
    expect(judged(...events).repeats).toEqual({ messages: 7, marked: 5 });
  });

  test('an old session may still deliver and be acknowledged for what was sent before its successor came', () => {
    const events = [...begun(), sent('s1', 1, 5), connected('r', 'r2'), connected('s', 's2')];
    expect(found(...events, delivered('r1', 1, 5), delivered('r2', 1, 5), acknowledged('s1'))).toEqual([]);
  });

  test('a session that was acknowledged after the client had given it up supersedes nobody', () => {
    const late = connected('r', 'r2', { isLate: true });
    expect(found(...begun(), late, sent('s1', 1, 1), delivered('r1', 1, 1))).toEqual([]);
  });

  test('in each partition of the log one session of a sender lies behind the other', () => {
    const together = logged('2', [4, 6]);
    const elsewhere = logged('2', [0, 1], { partition: 1 });
    const another = logged('1', [0, 9], { who: 't' });
    expect(found(logged('1', [0, 4]), together, elsewhere, another, logged('10', [7, 7]))).toEqual([]);
  });

  test('what came on an unknown session is held to the order of first deliveries only', () => {
    expect(found(...begun(), sent('s1', 1, 4), delivered(undefined, 1, 3), delivered(undefined, 2, 3))).toEqual([]);
  });
});

describe('histories with a fault', () => {
  test('an acknowledged message that never came', () => {
    expect(
      found(...begun(), sent('s1', 1, 5), acknowledged('s1'), delivered('r1', 1, 2), delivered('r1', 4, 2)),
    ).toEqual([['lost', 1]]);
  });

  test('acknowledged messages to somebody who got none at all', () => {
    expect(found(...begun(), sent('s1', 1, 5), acknowledged('s1'))).toEqual([['lost', 5]]);
  });

  test('a message nobody sent', () => {
    expect(found(...begun(), sent('s1', 1, 1), delivered('r1', 1, 3))).toEqual([['unsent', 2]]);
  });

  test('an earlier message that came for the first time after a later one', () => {
    expect(
      found(...begun(), sent('s1', 1, 3), delivered('r1', 3, 1), connected('r', 'r2'), delivered('r2', 1, 3)),
    ).toEqual([['inversion', 2]]);
    expect(found(...begun(), sent('s1', 1, 3), delivered(undefined, 3, 1), delivered(undefined, 2, 1))).toEqual([
      ['inversion', 1],
    ]);
  });

  test('what a lost connection left behind and came after what was sent on the next one', () => {
    const events = [...begun(), sent('s1', 1, 2), ended('s', 's1'), connected('s', 's2'), sent('s2', 3, 1)];
    expect(found(...events, delivered('r1', 3, 1), delivered('r1', 1, 2))).toEqual([['overtaken', 2]]);
    const answered = [...begun(), sent('s1', 1, 2), acknowledged('s1'), connected('s', 's2'), sent('s2', 3, 1)];
    expect(found(...answered, delivered('r1', 3, 1), delivered('r1', 1, 2))).toEqual([['inversion', 2]]);
  });

  test('a message that came twice within one session', () => {
    expect(found(...begun(), sent('s1', 1, 5), delivered('r1', 1, 3), delivered('r1', 2, 4))).toEqual([['doubled', 2]]);
    expect(found(...begun(), sent('s1', 1, 5), delivered('r1', 1, 5), delivered('r1', 5, 1))).toEqual([['doubled', 1]]);
  });

  test('a delivery on an old session of what was sent when its successor was there', () => {
    expect(
      found(
        ...begun(),
        sent('s1', 1, 1),
        connected('r', 'r2'),
        sent('s1', 2, 2),
        delivered('r1', 1, 3),
        delivered('r2', 2, 2),
      ),
    ).toEqual([['stale_delivery', 2]]);
  });

  test('an effect of what was sent on an old session', () => {
    const heard = [...begun(), connected('s', 's2'), sent('s2', 10, 1), delivered('r1', 10, 1), connected('r', 'r2')];
    const events = [...heard, sent('s1', 11, 2)];
    expect(found(...events)).toEqual([]);
    expect(found(...events, delivered('r2', 12, 1))).toEqual([['stale_send', 1]]);
    expect(found(...events, delivered('r2', 11, 2), acknowledged('s1'))).toEqual([['stale_send', 2]]);
  });

  test('a record that landed in the log behind those of a later session', () => {
    expect(found(logged('1', [0, 5]), logged('2', [4, 6]))).toEqual([['misplaced', 1]]);
    // Epochs are numbers, whatever their length, and come in the order of the log.
    expect(found(logged('10', [3, 4]), logged('9', [7, 7]))).toEqual([['misplaced', 1]]);
    const notTheNext = [logged('1', [0, 9]), logged('2', [10, 11]), logged('3', [5, 6])];
    expect(found(...notTheNext)).toEqual([
      ['misplaced', 1],
      ['misplaced', 1],
    ]);
  });

  test('a writer that speaks of a session it never had', () => {
    expect(() => found(acknowledged('s9'))).toThrow('s9');
  });
});

describe('figures', () => {
  const disturbed = (kind: string, at: number, until: number, target = 'g1'): HistoryEvent => ({
    e: 'disturbed',
    at,
    until,
    kind,
    target,
  });

  test('an outage is the longest silence of a recipient that touches the disturbance', () => {
    const arrivals = [0, 100, 200, 3200, 3300].map((at, index) => delivered('r1', index + 1, 1, { at }));
    const { outages } = judge(new History([disturbed('cut', 250, 400), ...arrivals]), 3400);
    expect(outages).toEqual([
      { kind: 'cut', disturbances: 1, silenceMs: { count: 1, median: 3000, p99: 3000, max: 3000 } },
    ]);
  });

  test('a recipient that never hears again is silent until the end of the load', () => {
    const { outages } = judge(new History([disturbed('cut', 250, 400), delivered('r1', 1, 1, { at: 100 })]), 9100);
    expect(outages[0]?.silenceMs.max).toBe(9000);
  });

  test('a failover ends with the first session and the first delivery elsewhere', () => {
    const events = [
      connected('r', 'r1', { at: 10 }),
      connected('q', 'q1', { at: 10 }),
      connected('elsewhere', 'e1', { at: 10, gateway: 'g2' }),
      disturbed('gateway-kill', 100, 900),
      connected('r', 'r2', { at: 150, gateway: 'g2', resumed: true }),
      connected('q', 'q2', { at: 2100, gateway: 'g3' }),
      delivered('r2', 1, 1, { at: 190 }),
    ];
    const { failovers } = judge(new History(events), 3000);
    expect(failovers.resumed.connectedMs.max).toBe(50);
    expect(failovers.resumed.deliveredMs.max).toBe(90);
    expect(failovers.anew.connectedMs).toMatchObject({ count: 1, max: 2000 });
    expect(failovers.anew.deliveredMs.count).toBe(0);
  });
});
