/** What a line finds out: our values beside its ceiling's, from the same rounds, and what they are held to. */
import { type Spread, spreadOf } from './statistics.ts';

/** What the design wants of a figure: of the ratio to its ceiling, of the difference, or of the value itself. */
export interface Budget {
  readonly of: 'ratio' | 'difference' | 'value';
  readonly bound: 'at least' | 'at most';
  readonly limit: number;
}

export interface Figure {
  readonly line: string;
  readonly what: string;
  readonly composition: 'embedded' | 'stack';
  readonly unit: string;
  /** One value for each round. */
  readonly ours: readonly number[];
  /** Of the same rounds; empty where there is nothing to compare with. */
  readonly ceiling: readonly number[];
  readonly ceilingName: string;
  readonly budgets: readonly Budget[];
  /** What else was seen, such as the processor time. */
  readonly note?: string;
}

/**
 * `unclear`: rounds disagree about it, so that another run may come out the other way.
 */
export type Verdict = 'met' | 'below' | 'unclear';

export interface Judged {
  readonly budget: Budget;
  readonly verdict: Verdict;
}

/** Rounds whose ratios differ by more say nothing about the ratio. */
const steadyFactorMax = 1.5;

const pairs = ({ ours, ceiling }: Figure, join: (ours: number, ceiling: number) => number): readonly number[] =>
  ours.flatMap((value, round) => {
    const other = ceiling[round];
    return other === undefined ? [] : [join(value, other)];
  });

export const ratiosOf = (figure: Figure): readonly number[] => pairs(figure, (ours, ceiling) => ours / ceiling);

const differencesOf = (figure: Figure): readonly number[] => pairs(figure, (ours, ceiling) => ours - ceiling);

const judgedValues = (figure: Figure, { of }: Budget): readonly number[] => {
  switch (of) {
    case 'ratio':
      return ratiosOf(figure);
    case 'difference':
      return differencesOf(figure);
    case 'value':
      return figure.ours;
  }
};

export const isSteady = ({ min, max }: Spread): boolean => max <= min * steadyFactorMax;

export const judge = (figure: Figure): readonly Judged[] =>
  figure.budgets.map((budget) => {
    const holds = (value: number): boolean =>
      budget.bound === 'at least' ? value >= budget.limit : value <= budget.limit;
    const values = judgedValues(figure, budget);
    const held = values.filter(holds).length;
    if (held === values.length) return { budget, verdict: 'met' };
    if (held === 0) return { budget, verdict: 'below' };
    return { budget, verdict: 'unclear' };
  });

export const differenceOf = (figure: Figure): Spread => spreadOf(differencesOf(figure));
export const ratioOf = (figure: Figure): Spread => spreadOf(ratiosOf(figure));
