/** A gateway that breaks one promise, to see whether a run would tell. Users cannot reach any of this. */
import type { Composition, Given } from '../../../src/compose/composition.ts';

export const mutationNames = [
  'epochs',
  'places',
  'confirms',
  'deduplication',
  'forgotten-receipts',
  'early-receipts',
  'lost-letters',
] as const;
export type MutationName = (typeof mutationNames)[number];

export interface Mutation {
  /** Changes what the composition is made of. */
  readonly given?: (given: Given) => Given;
  /** Changes the composition. */
  readonly composition?: (composition: Composition) => Composition;
  /** Changes what is no port's. */
  readonly program?: () => void;
}

/** The port with some of its methods replaced. */
export const altered = <Port extends object>(port: Port, changes: Partial<Port>): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
