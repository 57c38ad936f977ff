import type { Acquisition } from '../../src/ports/lease-store.ts';
import type { Model } from './checker.ts';

export type LeaseInput =
  | { readonly kind: 'acquire'; readonly holder: string; readonly overEpoch: bigint | undefined }
  | { readonly kind: 'release'; readonly epoch: bigint }
  | { readonly kind: 'current' };

export type LeaseOutput =
  | { readonly kind: 'acquire'; readonly acquisition: Acquisition }
  | { readonly kind: 'release'; readonly released: boolean }
  | { readonly kind: 'current'; readonly epoch: bigint | undefined };

interface LeaseState {
  readonly holder: string | undefined;
  /** The newest there was; of a grant nobody was told of it is not known. */
  readonly epoch: bigint | undefined;
  /** Every grant has a higher one than this. */
  readonly least: bigint;
}

const free = (least: bigint): LeaseState => ({ holder: undefined, epoch: undefined, least });
const held = (holder: string, epoch: bigint): LeaseState => ({ holder, epoch, least: epoch });

const isEpoch = (state: LeaseState, epoch: bigint): boolean =>
  state.epoch === undefined ? epoch > state.least : state.epoch === epoch;

/** One lease whose TTL does not run out and that nobody resumes. */
export const leaseModel: Model<LeaseState, LeaseInput, LeaseOutput> = {
  initial: free(0n),
  step: (state, input, output) => {
    switch (input.kind) {
      case 'acquire':
        return acquire(state, input, output?.kind === 'acquire' ? output.acquisition : undefined);
      case 'release':
        return release(state, input.epoch, output?.kind === 'release' ? output.released : undefined);
      case 'current':
        return current(state, output?.kind === 'current' ? output : undefined);
    }
  },
  keyOf: ({ holder, epoch, least }) => `${holder} ${epoch} ${least}`,
};

const acquire = (
  state: LeaseState,
  { holder, overEpoch }: Extract<LeaseInput, { kind: 'acquire' }>,
  acquisition: Acquisition | undefined,
): readonly LeaseState[] => {
  const mayBeGranted = state.holder === undefined || (overEpoch !== undefined && isEpoch(state, overEpoch));
  if (acquisition === undefined) return mayBeGranted ? [{ holder, epoch: undefined, least: state.least }] : [state];
  const { record } = acquisition;
  if (acquisition.outcome === 'granted')
    return mayBeGranted && record.epoch > state.least ? [held(holder, record.epoch)] : [];
  return state.holder === record.holder && isEpoch(state, record.epoch) ? [held(record.holder, record.epoch)] : [];
};

const release = (state: LeaseState, epoch: bigint, released: boolean | undefined): readonly LeaseState[] => {
  const isHeld = state.holder !== undefined && isEpoch(state, epoch);
  const after = isHeld ? free(epoch > state.least ? epoch : state.least) : state;
  return released === undefined || released === isHeld ? [after] : [];
};

const current = (state: LeaseState, output: Extract<LeaseOutput, { kind: 'current' }> | undefined) => {
  if (output === undefined) return [state];
  if (output.epoch === undefined) return state.holder === undefined ? [state] : [];
  return state.holder !== undefined && isEpoch(state, output.epoch) ? [held(state.holder, output.epoch)] : [];
};
