/** Protobuf's variable-length numbers, written by hand. */
export const varintBytes = (value: number): number => {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
};

/** Writes at `at` and answers with the place behind it. */
export const writeVarint = (out: Buffer, at: number, value: number): number => {
  let rest = value;
  let place = at;
  while (rest >= 0x80) {
    out[place] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    place += 1;
  }
  out[place] = rest;
  return place + 1;
};
