/** The judgement at a run's end: what the checkers of histories find, and what is left undone. */
import { findStaleDeliveries, findStaleSends } from '../history/epochs.ts';
import { History } from '../history/history.ts';
import { findLosses, findUnsent } from '../history/loss.ts';
import { findDoubled, findInversions } from '../history/order.ts';
import { findReceiptFaults } from '../history/receipts.ts';
import type { Violation, ViolationKind } from '../history/violation.ts';
import type { Breach } from './ledger.ts';
import { judgeState } from './state/judge-state.ts';
import type { World } from './world.ts';

const promiseOf: Readonly<Record<ViolationKind, Breach['promise']>> = {
  lost: 'I4',
  unsent: 'I7',
  inversion: 'I5',
  overtaken: 'I5',
  doubled: 'I5',
  stale_delivery: 'I2',
  stale_send: 'I2',
  receipt_unfounded: 'I4',
  receipt_missing: 'I4',
  receipt_hanging: 'I4',
  receipt_changed: 'I4',
  buried_twice: 'I4',
  buried_and_acked: 'I4',
  misplaced: 'I1',
};

export const judgeWorld = (world: World): void => {
  const { ledger } = world;
  // A run with a broken promise ends there: nobody was given the time to get everything.
  if (ledger.breaches.length > 0) return;
  const history = new History(ledger.events);
  const found: readonly Violation[] = [
    ...findLosses(history),
    ...findUnsent(history),
    ...findInversions(history),
    ...findDoubled(history),
    ...findStaleDeliveries(history),
    ...findStaleSends(history),
    ...findReceiptFaults(history),
  ];
  for (const { kind, what } of found) ledger.breach(promiseOf[kind], `${kind}: ${what}`, laneOf(what));
  for (const { key, topic } of ledger.records.undelivered())
    ledger.breach('I4', `${key} is in the log and never came`, [key, topic]);
  for (const { from, to, number } of ledger.undone())
    ledger.breach('I4', `work ${from}>${to}#${number} was acknowledged and nobody got it`, [`${to}#${number}`]);
  judgeState(ledger);
  for (const client of world.clients) {
    if (!client.isTwin && !client.isOnline)
      ledger.breach('I11', `${client.identity} cannot connect though nothing is wrong any more`, [client.identity]);
    else if (client.isKeeper && !client.isDone)
      ledger.breach('I11', `${client.identity} cannot see its state though nothing is wrong any more`, [
        client.identity,
      ]);
  }
};

/** Checkers write `sender → recipient: …`. */
const laneOf = (what: string): readonly string[] => [(what.split(':  ')[0] ?? what).split(' → ').join('>')];
