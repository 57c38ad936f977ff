/** The hashes of the topics that occur in a segment of a partition, each once. */
export type SegmentTopics = Uint32Array;

const hashBytes = 4;

/** As it is stored: four bytes each, little-endian. */
export const encodeTopics = (topics: SegmentTopics): Buffer => {
  const bytes = Buffer.allocUnsafe(topics.length * hashBytes);
  for (const [index, topic] of topics.entries()) bytes.writeUInt32LE(topic, index * hashBytes);
  return bytes;
};

export const decodeTopics = (stored: Uint8Array): SegmentTopics => {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const length = Math.floor(bytes.length / hashBytes);
  return Uint32Array.from({ length }, (_, index) => bytes.readUInt32LE(index * hashBytes));
};
