/** A message's number in its lane, and filling up to a size that is usual. */
const sizeBytes = 200;

export const payloadOf = (number: number): string => `${number} `.padEnd(sizeBytes, '.');

export const numberOf = (payload: Uint8Array): number =>
  Number.parseInt(Buffer.from(payload).toString('latin1', 0, 16), 10);
