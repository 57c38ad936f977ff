import { bucketOf } from './keys.ts';

export interface Batch<Item> {
  readonly bucket: number;
  readonly items: readonly Item[];
}

/** What one script may touch: items of one bucket, at most `itemsMax`, in their order. */
export const batchesOf = <Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  itemsMax: number,
): readonly Batch<Item>[] => {
  const open = new Map<number, Item[]>();
  const batches: Batch<Item>[] = [];
  for (const item of items) {
    const bucket = bucketOf(nameOf(item));
    const batch = open.get(bucket);
    if (batch !== undefined && batch.length < itemsMax) batch.push(item);
    else {
      const next = [item];
      open.set(bucket, next);
      batches.push({ bucket, items: next });
    }
  }
  return batches;
};
