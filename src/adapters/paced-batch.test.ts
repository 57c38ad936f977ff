import { setImmediate as endOfTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { PacedBatch } from './paced-batch.ts';

/** What has landed is seen in the next turn. */
const turn = async (): Promise<void> => {
  await endOfTurn();
  await endOfTurn();
};

const create = (underWayMax: number) => {
  const batches: { readonly items: readonly number[]; readonly land: () => void }[] = [];
  const batch = new PacedBatch<number>({
    underWayMax,
    carryOut: (items) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      batches.push({ items, land: resolve });
      return promise;
    },
  });
  return { batch, batches, handedOver: () => batches.map(({ items }) => items) };
};

describe('a paced batch', () => {
  test('is what was asked in one turn', async () => {
    const { batch, handedOver } = create(1);
    batch.add(1);
    batch.add(2);
    expect(handedOver()).toEqual([]);
    await turn();
    expect(handedOver()).toEqual([[1, 2]]);
  });

  test('gathers while as many as may be are under way, and then goes on by itself', async () => {
    const { batch, batches, handedOver } = create(2);
    for (let item = 1; item <= 4; item += 1) {
      batch.add(item);
      await turn();
    }
    expect(handedOver()).toEqual([[1], [2]]);
    batches[0]?.land();
    await turn();
    expect(handedOver()).toEqual([[1], [2], [3, 4]]);
  });

  test('is idle when the last one has landed', async () => {
    const { batch, batches } = create(1);
    await batch.idle();
    let isIdle = false;
    batch.add(1);
    void batch.idle().then(() => (isIdle = true));
    await turn();
    batch.add(2);
    batches[0]?.land();
    await turn();
    expect(isIdle).toBe(false);
    batches[1]?.land();
    await turn();
    expect(isIdle).toBe(true);
  });
});
