/**
 * What is known of a segment of a partition: its stretches from its first entry on, one after the other, each with the
 * hashes of the topics that occur in it. They need not reach the segment's end. Whoever derives them finds the same
 * ones, so of two the longer knows more.
 */
export interface Stretch {
  /** Entries from the segment's first to the end of this stretch. */
  readonly end: number;
  /** Each once. */
  readonly topics: Uint32Array;
}

export type SegmentTopics = readonly Stretch[];

/** Part of the name under which it is stored: what another format wrote is not found. */
export const segmentTopicsFormat = 2;

const wordBytes = 4;

/** As it is stored, in words of four bytes, little-endian: of each stretch its end, how many topics, and those. */
export const encodeTopics = (stretches: SegmentTopics): Buffer => {
  const words = stretches.flatMap(({ end, topics }) => [end, topics.length, ...topics]);
  const bytes = Buffer.allocUnsafe(words.length * wordBytes);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * wordBytes);
  return bytes;
};

export const decodeTopics = (stored: Uint8Array): SegmentTopics => {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const word = (index: number): number => bytes.readUInt32LE(index * wordBytes);
  const stretches: Stretch[] = [];
  for (let at = 0; at < bytes.byteLength / wordBytes; ) {
    const count = word(at + 1);
    const first = at + 2;
    const topics = Uint32Array.from({ length: count }, (_, index) => word(first + index));
    stretches.push({ end: word(at), topics });
    at = first + count;
  }
  return stretches;
};
