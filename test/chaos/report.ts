/** A run's outcome, for people. */
import type { Distribution } from '../history/distribution.ts';
import type { Failover } from '../history/failovers.ts';
import type { ReceiptCounts } from '../history/receipts.ts';
import { type ViolationKind, violationKinds } from '../history/violation.ts';
import type { Outcome } from './run.ts';

export const isClean = ({ verdict, crashes, incomplete }: Outcome): boolean =>
  verdict.violations.length === 0 && crashes.length === 0 && incomplete.length === 0;

const shownMax = 20;

const words: Readonly<Record<ViolationKind, string>> = {
  lost: 'acknowledged and lost',
  unsent: 'delivered, but never sent',
  inversion: 'out of order',
  overtaken: 'left behind, then out of order',
  doubled: 'twice within a session',
  stale_delivery: 'delivered to a superseded session',
  stale_send: 'sent by a superseded session',
  receipt_unfounded: 'receipts that say too much',
  receipt_missing: 'receipts that say too little',
  receipt_hanging: 'receipts without an end',
  receipt_changed: 'receipts that changed their end',
  buried_twice: 'dead letters that are there twice',
  buried_and_acked: 'dead letters of what was acked',
  misplaced: 'behind a later session, in the log',
};

export const reportOf = (outcome: Outcome): string => {
  const { verdict, loadMs } = outcome;
  const { counts, repeats } = verdict;
  const perSecond = Math.round(counts.acknowledged / (loadMs / 1000));
  return [
    `load             ${(loadMs / 60_000).toFixed(1)} min, ${counts.disturbances} disturbances`,
    `messages         ${counts.acknowledged} acknowledged (${perSecond}/s) of ${counts.sent} sent; ${counts.delivered} delivered`,
    `sessions         ${counts.sessions}, ${counts.resumptions} of them resumed`,
    `delivered again  ${repeats.messages}, ${repeats.marked} of them marked as such`,
    `parting words    ${verdict.partings}, sent on an old session when the new one was there and had not been heard yet`,
    ...violationKinds.map((kind) => `${words[kind].padEnd(34)} ${total(outcome, kind)}`),
    ...receiptLines(verdict.receipts),
    '',
    failoverLine('killed → elsewhere, resumed', verdict.failovers.resumed),
    failoverLine('killed → elsewhere, anew', verdict.failovers.anew),
    '',
    'longest silence of any recipient, by disturbance (ms)'.padEnd(56) + 'times   median      p99      max',
    ...verdict.outages.map(
      ({ kind, disturbances, silenceMs }) =>
        `  ${kind.padEnd(54)}${String(disturbances).padStart(5)} ${columns(silenceMs)}`,
    ),
    ...troubles(outcome),
  ].join('\n');
};

const receiptLines = ({ letters, ends, again, wiped, unheard, late }: ReceiptCounts): readonly string[] =>
  letters === 0
    ? []
    : [
        `named messages   ${letters}: ${Object.entries(ends)
          .map(([state, count]) => `${count} ${state}`)
          .join(', ')}`,
        `  of them        ${wiped} posted before Redis lost its data; ${unheard} acknowledged in vain; ${late} came after their time; ${again} deliveries came again`,
      ];

const total = ({ verdict }: Outcome, kind: ViolationKind): number =>
  verdict.violations.filter((violation) => violation.kind === kind).reduce((sum, { messages }) => sum + messages, 0);

const failoverLine = (what: string, { connectedMs, deliveredMs }: Failover): string =>
  `${what.padEnd(30)} ${connectedMs.count} times; connected ${brief(connectedMs)}, first delivery ${brief(deliveredMs)}`;

const brief = ({ median, p99, max }: Distribution): string =>
  `${Math.round(median)} / ${Math.round(p99)} / ${Math.round(max)} ms (median / p99 / max)`;

const columns = ({ median, p99, max }: Distribution): string =>
  [median, p99, max].map((ms) => String(Math.round(ms)).padStart(8)).join(' ');

const troubles = ({ verdict, crashes, incomplete }: Outcome): readonly string[] => [
  ...verdict.violations
    .slice(0, shownMax)
    .map(({ kind, at, what }) => `VIOLATION ${kind} at ${Math.round(at)}: ${what}`),
  ...(verdict.violations.length > shownMax ? [`… and ${verdict.violations.length - shownMax} more`] : []),
  ...crashes.map((log) => `CRASH a gateway ended by itself; its last words:\n${log}`),
  ...(incomplete.length > 0 ? [`INCOMPLETE the last message did not reach ${incomplete.join(', ')}`] : []),
];
