/**
 * What became of keys and checkpoints: each key's history is one that could have come about by doing everything one after
 * the other, and what belongs to one identity is not changed by a session once a newer one has been acknowledged (I3).
 */
import { checkLinearizable, type Operation } from '../../linearizability/checker.ts';
import type { Breach, Ledger } from '../ledger.ts';
import { isShared, nameOf, type Space } from './deed.ts';
import { type KeyInput, type KeyOutput, keyModel } from './key-model.ts';
import type { Asked, Asker, Moment, Page } from './state-ledger.ts';

interface Known {
  /** Whose it is, unless it is shared. */
  readonly identity: string;
  readonly space: Space;
  readonly key: string;
  readonly name: string;
  readonly asked: Asked[];
}

/** The moment from which on what a session asked for must have no effect, if there is one. */
type DeadlineOf = (asker: Asker) => Moment | undefined;

type KeyOperation = Operation<KeyInput, KeyOutput>;

const changesNothing: ReadonlySet<string> = new Set(['get', 'count_members']);
const never: Moment = { at: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };

export const judgeState = (ledger: Ledger): void => {
  const deadlineOf = deadlinesOf(ledger);
  for (const asked of ledger.state.asked) judgeSession(asked, ledger);
  for (const known of keysOf(ledger).values()) {
    const late = known.asked.find((asked) => isDoneLate(asked, deadlineOf));
    if (late !== undefined) {
      const { asker, deed } = late;
      const what = `${known.name}: ${deed.does} of session ${asker.sessionId} was done after a newer one had begun`;
      ledger.breach('I3', what, [known.name, asker.sessionId]);
    } else judgeKey(known, ledger, deadlineOf);
  }
};

/** Nothing is accepted on a stream once its lease has gone (I2), reading neither. */
const judgeSession = ({ asker, space, key, deed, called, answer }: Asked, ledger: Ledger): void => {
  const { identity, sessionId } = asker;
  const deadline = ledger.leases.deadlineOf(identity, ledger.leases.epochOf(sessionId) ?? 0n);
  if (answer === undefined || deadline === undefined || called.ms <= deadline.atMs) return;
  const name = nameOf(identity, space, key);
  const late = `${Math.round(called.ms - deadline.atMs)} ms after it had to end: ${deadline.why}`;
  ledger.breach('I2', `${name}: ${deed.does} was accepted of session ${sessionId} ${late}`, [name, sessionId]);
};

const judgeKey = (known: Known, ledger: Ledger, deadlineOf: DeadlineOf): void => {
  const verdict = checkLinearizable(keyModel, historyOf(known, ledger, deadlineOf));
  if (verdict.isLinearizable) return;
  const isExplained = checkLinearizable(
    keyModel,
    historyOf(known, ledger, () => undefined),
  ).isLinearizable;
  const promise: Breach['promise'] = isExplained ? 'I3' : 'I9';
  const why = isExplained
    ? 'a session changed it after a newer one had begun'
    : 'no order of what was done explains it';
  ledger.breach(promise, `${known.name}: ${why} (${verdict.explained} of ${verdict.of} explained)`, [known.name]);
};

const keysOf = ({ state }: Ledger): ReadonlyMap<string, Known> => {
  const keys = new Map<string, Known>();
  const know = (identity: string, space: Space, key: string): Known => {
    const name = nameOf(identity, space, key);
    const known = keys.get(name) ?? { identity, space, key, name, asked: [] };
    keys.set(name, known);
    return known;
  };
  for (const asked of state.asked) know(asked.asker.identity, asked.space, asked.key).asked.push(asked);
  for (const { identity, space, keys: listed } of state.pages)
    for (const key of listed.keys()) know(identity, space, key);
  return keys;
};

const deadlinesOf = ({ state, leases }: Ledger): DeadlineOf => {
  const begun = state.sessions.map(({ asker, since }) => ({ ...asker, since, epoch: leases.epochOf(asker.sessionId) }));
  return ({ identity, sessionId }) => {
    const epoch = leases.epochOf(sessionId) ?? 0n;
    return begun.find((one) => one.identity === identity && (one.epoch ?? 0n) > epoch)?.since;
  };
};

const isDoneLate = ({ asker, space, deed, called, answer }: Asked, deadlineOf: DeadlineOf): boolean => {
  if (isShared(space) || changesNothing.has(deed.does) || answer?.is !== 'done' || !answer.applied) return false;
  return called.at > (deadlineOf(asker) ?? never).at;
};

const historyOf = (known: Known, { state }: Ledger, deadlineOf: DeadlineOf): readonly KeyOperation[] => [
  ...known.asked.flatMap((asked) => operationOf(asked, deadlineOf)),
  ...state.pages.flatMap((page) => lookAt(known, page)),
  ...state.wipes.map((at) => inputOf({ does: 'wipe' }, at, at, { is: 'absent' })),
  ...state.purges
    .filter(({ asker }) => asker.identity === known.identity && !isShared(known.space) && known.space !== 'checkpoints')
    .flatMap(({ asker, called, returned }) =>
      changing({ does: 'purge' }, { called, returned, deadline: deadlineOf(asker) }, returned && { is: 'absent' }),
    ),
];

const operationOf = (asked: Asked, deadlineOf: DeadlineOf): readonly KeyOperation[] => {
  const { asker, space, called, returned, answer } = asked;
  // Of a checkpoint that is deleted nobody hears whether it was there.
  const deed = space === 'checkpoints' && asked.deed.does === 'delete' ? ({ does: 'purge' } as const) : asked.deed;
  const isReading = changesNothing.has(deed.does);
  if (isReading && returned === undefined) return [];
  const deadline = isReading || isShared(space) ? undefined : deadlineOf(asker);
  return changing(deed, { called, returned, deadline }, answer);
};

interface Times {
  readonly called: Moment;
  readonly returned: Moment | undefined;
  readonly deadline: Moment | undefined;
}

/** What was asked for too late is not done, nor what has not been done in time. */
const changing = (
  deed: KeyInput['deed'],
  { called, returned = never, deadline = never }: Times,
  output: KeyOutput | undefined,
): readonly KeyOperation[] => {
  if (called.at > deadline.at) return [];
  return [inputOf(deed, called, deadline.at < returned.at ? deadline : returned, output)];
};

const inputOf = (
  deed: KeyInput['deed'],
  called: Moment,
  returned: Moment,
  output: KeyOutput | undefined,
): KeyOperation => {
  const input = { deed, calledMs: called.ms, returnedMs: returned.ms };
  const times = { calledAt: called.at, returnedAt: returned.at };
  return output === undefined ? { input, ...times } : { input, output, ...times };
};

const lookAt = ({ identity, space, key }: Known, page: Page): readonly KeyOperation[] => {
  const isItsSpace = page.space === space && (isShared(space) || page.identity === identity);
  const isOnIt = key > page.after && (page.isLast || key <= ([...page.keys.keys()].at(-1) ?? ''));
  if (!isItsSpace || !isOnIt) return [];
  return [inputOf({ does: 'look' }, page.called, page.returned, page.keys.get(key) ?? page.others)];
};
