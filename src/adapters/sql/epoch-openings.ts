/**
 * Epochs that are opened in owners' names: those of one turn, and those asked for while a statement is under way, are one
 * statement and wait for the disk once. When everybody comes back at once, that is what they would wait for.
 */
import { PacedBatch } from '../paced-batch.ts';
import type { Epoch } from './sql-fences.ts';

interface Opening<Found> extends Epoch {
  readonly settled: PromiseWithResolvers<Found | undefined>;
}

/** Opens all, of which no two have one owner; answers, by owner, with what is found of those that are the newest. */
type OpenAll<Found> = (epochs: readonly Epoch[]) => Promise<ReadonlyMap<string, Found>>;

export class EpochOpenings<Found> {
  readonly #openAll: OpenAll<Found>;
  readonly #batch = new PacedBatch<Opening<Found>>({
    underWayMax: 1,
    carryOut: (openings) => this.#carryOut(openings),
  });

  constructor(openAll: OpenAll<Found>) {
    this.#openAll = openAll;
  }

  /** `undefined` to an epoch that is not the newest. */
  open(owner: string, epoch: bigint): Promise<Found | undefined> {
    const settled = Promise.withResolvers<Found | undefined>();
    this.#batch.add({ owner, epoch, settled });
    return settled.promise;
  }

  async #carryOut(openings: readonly Opening<Found>[]): Promise<void> {
    const newest = new Map<string, bigint>();
    for (const { owner, epoch } of openings) {
      const other = newest.get(owner);
      if (other === undefined || other < epoch) newest.set(owner, epoch);
    }
    try {
      const found = await this.#openAll(Array.from(newest, ([owner, epoch]) => ({ owner, epoch })));
      for (const { owner, epoch, settled } of openings)
        settled.resolve(epoch === newest.get(owner) ? found.get(owner) : undefined);
    } catch (thrown) {
      for (const { settled } of openings) settled.reject(thrown);
    }
  }
}

/** For `dialect.rows`. */
export const epochColumns = { owner: 'text', epoch: 'integer' } as const;

export const epochRows = (epochs: readonly Epoch[]): string =>
  JSON.stringify(epochs.map(({ owner, epoch }) => ({ owner, epoch: String(epoch) })));
