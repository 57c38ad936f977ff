/** The judge of a run: everything the checkers find, and the figures beside it. */
import { countPartings, findStaleDeliveries, findStaleSends } from './epochs.ts';
import { type Failovers, measureFailovers } from './failovers.ts';
import { type History, numbersOf } from './history.ts';
import { findMisplaced } from './log-order.ts';
import { findLosses, findUnsent } from './loss.ts';
import { findDoubled, findInversions } from './order.ts';
import { measureOutages, type Outage } from './outages.ts';
import { countReceipts, findReceiptFaults, type ReceiptCounts } from './receipts.ts';
import { countRepeats, type Repeats } from './repeats.ts';
import type { Violation } from './violation.ts';

export interface Counts {
  readonly sent: number;
  readonly acknowledged: number;
  /** First deliveries. */
  readonly delivered: number;
  readonly sessions: number;
  readonly resumptions: number;
  readonly disturbances: number;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
  readonly repeats: Repeats;
  /** Messages sent on an older session in the moment of a takeover, that counted. */
  readonly partings: number;
  readonly outages: readonly Outage[];
  readonly failovers: Failovers;
  readonly receipts: ReceiptCounts;
}

/** The kind of disturbance after which identities have to turn up elsewhere. */
export const killKind = 'gateway-kill';

export const judge = (history: History, untilMs: number): Verdict => ({
  violations: [
    ...findLosses(history),
    ...findUnsent(history),
    ...findInversions(history),
    ...findDoubled(history),
    ...findStaleDeliveries(history),
    ...findStaleSends(history),
    ...findReceiptFaults(history),
    ...findMisplaced(history),
  ],
  counts: count(history),
  repeats: countRepeats(history),
  partings: countPartings(history),
  outages: measureOutages(history, untilMs),
  failovers: measureFailovers(history, killKind),
  receipts: countReceipts(history),
});

const count = (history: History): Counts => {
  let [sent, acknowledged, delivered] = [0, 0, 0];
  for (const lane of history.lanes.values()) {
    for (const range of lane.sent) {
      sent += range.count;
      if (history.isAcknowledged(range)) acknowledged += range.count;
    }
    const seen = new Set<number>();
    for (const range of lane.delivered) for (const number of numbersOf(range)) seen.add(number);
    delivered += seen.size;
  }
  const sessions = [...history.clients].flatMap((who) => history.sessionsOf(who));
  return {
    sent,
    acknowledged,
    delivered,
    sessions: sessions.length,
    resumptions: sessions.filter(({ resumed }) => resumed).length,
    disturbances: history.disturbances.length,
  };
};
