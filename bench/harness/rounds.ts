/**
 * Others use the machine while we measure. So the contenders take turns, in the order ABC, CBA, ABC …: what slows one
 * down for a while slows its neighbours down too, and what is compared is what was measured in the same round.
 */
import type { Budget, Figure } from './figures.ts';
import type { Contender, Setting } from './setting.ts';

type Name = Contender['name'];

/** For each contender what it measured, round by round. */
export type Measured<Value> = ReadonlyMap<Name, readonly Value[]>;

export const inRounds = async <Value>(
  { options: { rounds, progress } }: Setting,
  contenders: readonly Contender[],
  { what, warmUp, measure }: Measuring<Value>,
): Promise<Measured<Value>> => {
  const measured = new Map<Name, Value[]>(contenders.map(({ name }) => [name, []]));
  if (warmUp !== undefined) for (const contender of contenders) await warmUp(contender);
  for (let round = 0; round < rounds; round += 1)
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      progress(`${what}: round ${round + 1} of ${rounds}, ${contender.name}`);
      measured.get(contender.name)?.push(await measure(contender));
    }
  return measured;
};

export interface Measuring<Value> {
  readonly what: string;
  /** Once for each before the rounds, so that nobody's first round pays for its compiling. */
  readonly warmUp?: (contender: Contender) => Promise<unknown>;
  readonly measure: (contender: Contender) => Promise<Value>;
}

export interface Comparison<Value> {
  readonly line: string;
  readonly what: string;
  readonly unit: string;
  readonly value: (measured: Value) => number;
  readonly budgets: readonly Budget[];
  readonly note?: (ours: readonly Value[], ceiling: readonly Value[]) => string;
}

/** A figure for each composition, the bare server's its ceiling. */
export const besideBare = <Value>(
  { options: { compositions } }: Setting,
  measured: Measured<Value>,
  { value, note, ...rest }: Comparison<Value>,
): readonly Figure[] => {
  const bare = measured.get('bare') ?? [];
  return compositions.map((composition) => {
    const ours = measured.get(composition) ?? [];
    return {
      ...rest,
      composition,
      ours: ours.map(value),
      ceiling: bare.map(value),
      ceilingName: 'bare relay',
      ...(note === undefined ? {} : { note: note(ours, bare) }),
    };
  });
};
