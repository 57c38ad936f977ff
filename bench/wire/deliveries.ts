/** Counts deliveries without decoding them. */

/** Field 1000 of a frame, length-delimited: a batch, whose elements are field 1 of it. */
const batchTag = [0xc2, 0x3e] as const;
const lengthAt = 2;

/** 0 where the message is something else. `deliveryTag` is the first byte of one that holds a single delivery. */
export const deliveriesIn = (message: Buffer, deliveryTag: number): number => {
  if (message[0] === deliveryTag) return 1;
  if (message[0] !== batchTag[0] || message[1] !== batchTag[1]) return 0;
  let count = 0;
  let { at } = varintAt(message, lengthAt);
  for (; at < message.byteLength; count += 1) {
    const element = varintAt(message, at + 1);
    at = element.at + element.value;
  }
  return count;
};

const varintAt = (bytes: Buffer, start: number): { readonly value: number; readonly at: number } => {
  let value = 0;
  for (let at = start, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes.readUInt8(at);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, at: at + 1 };
  }
};
