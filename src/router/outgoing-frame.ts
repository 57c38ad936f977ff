/** What recipients of a message will be written, from its gRPC prefix on. Mostly one frame in one piece. */
export interface OutgoingFrame {
  readonly frame: Uint8Array;
  /** How many frames lie in `frame` one after the other: 1 where nothing is said, more only of plain messages. */
  readonly records?: number | undefined;
  /** What follows `frame` where one frame is in pieces. */
  readonly rest?: readonly Uint8Array[] | undefined;
}

export const bytesOf = ({ frame, rest }: OutgoingFrame): number =>
  rest === undefined ? frame.byteLength : rest.reduce((bytes, { byteLength }) => bytes + byteLength, frame.byteLength);
