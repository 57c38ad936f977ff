/**
 * Entries are AMQP 1.0 messages of one Data section, as every stream client writes and reads them. Only that section
 * is ours; other sections are stepped over, and what is no such message at all is taken as the bytes it is.
 */

/** Descriptor of a section: a described type whose descriptor is a small unsigned long. */
const described = 0x00;
const smallUlong = 0x53;
const dataSection = 0x75;
const firstSection = 0x70;
const lastSection = 0x78;
const binary8 = 0xa0;
const binary32 = 0xb0;

/** Bytes that precede a body of this length. */
export const messageHeadBytes = (bodyBytes: number): number => (bodyBytes <= 0xff ? 5 : 8);

/** Writes what precedes a body of `bodyBytes` and answers with where the body goes. */
export const writeMessageHead = (target: Buffer, at: number, bodyBytes: number): number => {
  target[at] = described;
  target[at + 1] = smallUlong;
  target[at + 2] = dataSection;
  if (bodyBytes <= 0xff) {
    target[at + 3] = binary8;
    return target.writeUInt8(bodyBytes, at + 4);
  }
  target[at + 3] = binary32;
  return target.writeUInt32BE(bodyBytes, at + 4);
};

/** The first Data section's bytes without copying; the whole message where there is none or it cannot be read. */
export const messageBody = (message: Buffer): Buffer => {
  let at = 0;
  while (at + 4 <= message.length) {
    const section = message[at + 2];
    if (message[at] !== described || message[at + 1] !== smallUlong || section === undefined) return message;
    if (section < firstSection || section > lastSection) return message;
    const value = valueAt(message, at + 3);
    if (value === undefined) return message;
    if (section === dataSection) return message.subarray(value.start, value.end);
    at = value.end;
  }
  return message;
};

/**
 * Where a value's content starts and ends. The high half of its constructor tells the width: 0x4 to 0x9 are fixed,
 * 0xA, 0xC and 0xE carry a one-byte size, 0xB, 0xD and 0xF one of four bytes.
 */
const valueAt = (message: Buffer, at: number): { readonly start: number; readonly end: number } | undefined => {
  const width = (message[at] ?? 0) >> 4;
  const start = at + 1 + (fieldBytes[width] ?? 0);
  const size = contentBytes(message, at, width);
  if (size === undefined || start + size > message.length) return undefined;
  return { start, end: start + size };
};

/** Bytes of the size field, by the high half of the constructor. */
const fieldBytes: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 1, 4, 1, 4];
const fixedBytes: readonly (number | undefined)[] = [undefined, undefined, undefined, undefined, 0, 1, 2, 4, 8, 16];

const contentBytes = (message: Buffer, at: number, width: number): number | undefined => {
  const field = fieldBytes[width];
  if (field === 1) return message[at + 1];
  if (field === 4) return at + 5 > message.length ? undefined : message.readUInt32BE(at + 1);
  return fixedBytes[width];
};
