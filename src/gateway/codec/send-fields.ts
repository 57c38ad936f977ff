/** The fields that a plain message has, as they stand on the wire: number and kind of each in one byte. */

/** `UpstreamMessage.send`. */
export const sendTag = 0x12;
/** `SendMessage.target_topic`. */
export const targetTag = 0x0a;
/** `SendMessage.payload`. */
export const payloadTag = 0x12;
/** `SendMessage.message_type`. */
export const messageTypeTag = 0x18;
/** The highest message type there is in the protocol. */
const messageTypeMax = 6;

/** The type of a message whose last bytes, from `at` to `end`, are its type or nothing; `undefined` for any others. */
export const trailingType = (bytes: Uint8Array, at: number, end: number): number | undefined => {
  if (at === end) return 0;
  const type = bytes[at + 1] ?? 0;
  return bytes[at] === messageTypeTag && at + 2 === end && type > 0 && type <= messageTypeMax ? type : undefined;
};
