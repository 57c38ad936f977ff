/**
 * One key, or one checkpoint, as the wire promises it. Written apart from the rules the fabric itself goes by, so that a
 * mistake in those is not made here as well. When a key vanishes is known as well as when it was written is: some time
 * between that write's call and its answer.
 */
import type { Model } from '../../linearizability/checker.ts';
import type { Answer, Deed } from './deed.ts';

/** What a listing, or a snapshot, says of a key. */
export type Sight =
  | { readonly is: 'absent' }
  /** Nothing is said of what it holds. */
  | { readonly is: 'there' }
  /** It is absent, or holds a set. */
  | { readonly is: 'no_value' }
  | { readonly is: 'value'; readonly value: string }
  | { readonly is: 'set' };

export interface KeyInput {
  readonly deed: Deed | { readonly does: 'look' } | { readonly does: 'purge' } | { readonly does: 'wipe' };
  readonly calledMs: number;
  readonly returnedMs: number;
}

export type KeyOutput = Answer | Sight;

type Holding =
  | { readonly is: 'value'; readonly value: string }
  /** In the order of their text. */
  | { readonly is: 'set'; readonly members: readonly string[] };

interface Held {
  readonly holding: Holding;
  /** It vanishes at some moment in between; `undefined` for never. */
  readonly vanishes: { readonly fromMs: number; readonly toMs: number } | undefined;
}

export type KeyState = Held | undefined;

/** A store's clock is exact to the millisecond. */
const exactMs = 1;

interface Next {
  readonly state: KeyState;
  readonly answer: KeyOutput | undefined;
}

export const keyModel: Model<KeyState, KeyInput, KeyOutput> = {
  initial: undefined,
  step: (state, input, output) =>
    lives(state, input)
      .map((live) => stepOf(live, input))
      .filter(({ answer }) => output === undefined || answer === undefined || fits(answer, output))
      .map((next) => next.state),
  keyOf: (state) => (state === undefined ? '' : textOf(state)),
};

const textOf = ({ holding, vanishes }: Held): string =>
  `${holding.is === 'value' ? `=${holding.value}` : `+${holding.members.join(',')}`} ${vanishes?.fromMs} ${vanishes?.toMs}`;

/** What may be there when it is done. */
const lives = (state: KeyState, { calledMs, returnedMs }: KeyInput): readonly KeyState[] => {
  if (state?.vanishes === undefined) return [state];
  const { fromMs, toMs } = state.vanishes;
  const mayBeThere = calledMs < toMs + exactMs;
  const mayBeGone = returnedMs + exactMs >= fromMs;
  return [...(mayBeThere ? [state] : []), ...(mayBeGone ? [undefined] : [])];
};

const fits = (answer: KeyOutput, output: KeyOutput): boolean => {
  if (output.is === 'there') return answer.is === 'value' || answer.is === 'set';
  if (output.is === 'no_value') return answer.is === 'absent' || answer.is === 'set';
  if (answer.is === 'done')
    return (
      output.is === 'done' &&
      answer.applied === output.applied &&
      answer.value === output.value &&
      answer.count === output.count
    );
  return answer.is === output.is && (answer.is !== 'value' || output.is !== 'value' || answer.value === output.value);
};

const done = (applied: boolean, { value = '', count = 0 } = {}): Answer => ({ is: 'done', applied, value, count });
const wrongType: Answer = { is: 'wrong_type' };

// oxlint-disable-next-line complexity -- one line for each deed
const stepOf = (state: KeyState, input: KeyInput): Next => {
  const { deed } = input;
  const holding = state?.holding;
  const stays = (answer: KeyOutput): Next => ({ state, answer });
  const holds = (next: Holding, ttlMs: number, answer: Answer): Next => ({
    state: { holding: next, vanishes: vanishing(ttlMs, input) },
    answer,
  });
  switch (deed.does) {
    case 'wipe':
    case 'purge':
      return { state: undefined, answer: undefined };
    case 'look':
      return stays(sightOf(holding));
    case 'get':
      if (holding === undefined) return stays(done(false));
      return stays(holding.is === 'value' ? done(true, { value: holding.value }) : wrongType);
    case 'put':
      return holds({ is: 'value', value: deed.value }, deed.ttlMs, done(true));
    case 'put_new':
      if (holding !== undefined) return stays(done(false, { value: valueOf(holding) }));
      return holds({ is: 'value', value: deed.value }, deed.ttlMs, done(true));
    case 'put_if':
      if (holding?.is === 'set') return stays(wrongType);
      if (holding?.value !== deed.expected) return stays(done(false, { value: valueOf(holding) }));
      return holds({ is: 'value', value: deed.value }, deed.ttlMs, done(true));
    case 'delete':
      return { state: undefined, answer: done(holding !== undefined) };
    case 'delete_if':
      if (holding?.is === 'set') return stays(wrongType);
      if (holding?.value !== deed.expected) return stays(done(false, { value: valueOf(holding) }));
      return { state: undefined, answer: done(true) };
    case 'add':
      return add(state, deed, input);
    case 'add_member':
      return addMember(state, deed, input);
    case 'count_members':
      if (holding?.is === 'value') return stays(wrongType);
      return stays(done(holding !== undefined, { count: holding?.members.length ?? 0 }));
  }
};

const sightOf = (holding: Holding | undefined): Sight => {
  if (holding === undefined) return { is: 'absent' };
  return holding.is === 'value' ? holding : { is: 'set' };
};

const valueOf = (holding: Holding | undefined): string => (holding?.is === 'value' ? holding.value : '');

const vanishing = (ttlMs: number, { calledMs, returnedMs }: KeyInput): Held['vanishes'] =>
  ttlMs === 0 ? undefined : { fromMs: calledMs + ttlMs, toMs: returnedMs + ttlMs };

const add = (state: KeyState, { amount, bound, ttlMs }: Extract<Deed, { does: 'add' }>, input: KeyInput): Next => {
  const holding = state?.holding;
  const current = holding === undefined ? 0 : Number(holding.is === 'value' ? holding.value : Number.NaN);
  if (Number.isNaN(current)) return { state, answer: wrongType };
  const next = current + amount;
  const isBeyond = bound !== undefined && (amount > 0 ? next > bound : next < bound);
  if (isBeyond) return { state, answer: done(false, { count: current }) };
  const vanishes = state === undefined ? vanishing(ttlMs, input) : state.vanishes;
  return { state: { holding: { is: 'value', value: `${next}` }, vanishes }, answer: done(true, { count: next }) };
};

const addMember = (state: KeyState, { value, ttlMs }: Extract<Deed, { does: 'add_member' }>, input: KeyInput): Next => {
  const holding = state?.holding;
  if (holding?.is === 'value') return { state, answer: wrongType };
  const before = holding?.members ?? [];
  if (before.includes(value)) return { state, answer: done(false, { count: before.length }) };
  const members = [...before, value].toSorted();
  const vanishes = vanishing(ttlMs, input) ?? state?.vanishes;
  return { state: { holding: { is: 'set', members }, vanishes }, answer: done(true, { count: members.length }) };
};
