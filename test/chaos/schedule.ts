/** What is disturbed when, and for how long: determined by the seed and nothing else. */
import { Random } from './random.ts';

/** A kind of disturbance, as far as planning needs it. */
export interface Kind {
  readonly kind: string;
  /** Kinds of one track come one after the other; the tracks run beside each other. */
  readonly track: Track;
  readonly targets: readonly string[];
  /** How long it lasts, in milliseconds. */
  readonly lastsMs: readonly [least: number, most: number];
  /** How much more often than others it is picked. */
  readonly weight?: number;
}

export const tracks = ['gateways', 'services', 'clients'] as const;
export type Track = (typeof tracks)[number];

export interface Step {
  readonly kind: string;
  readonly target: string;
  readonly lastsMs: number;
  /** Quiet before it, from the end of the step before. */
  readonly afterMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly kinds: readonly Kind[];
  /** Quiet between the steps of a track. */
  readonly quietMs: readonly [least: number, most: number];
}

/** Every kind of a track comes once, in any order, before one comes again. Without end. */
export function* stepsOf({ seed, kinds, quietMs }: Plan, track: Track): Generator<Step> {
  const random = new Random(seed + tracks.indexOf(track) * 7919);
  const all = kinds
    .filter((kind) => kind.track === track)
    .flatMap((kind) => Array.from({ length: kind.weight ?? 1 }, () => kind));
  while (all.length > 0)
    for (const { kind, targets, lastsMs } of shuffled(all, random))
      yield {
        kind,
        target: random.pick(targets),
        lastsMs: random.between(...lastsMs),
        afterMs: random.between(...quietMs),
      };
}

const shuffled = <Item>(items: readonly Item[], random: Random): readonly Item[] =>
  items
    .map((item) => ({ item, place: random.next() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item);
