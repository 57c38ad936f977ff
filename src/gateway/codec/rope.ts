/** A message that came in pieces, and is so large that it is better left in them. */
export class Rope {
  readonly pieces: readonly Buffer[];
  readonly byteLength: number;

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces.filter(({ byteLength }) => byteLength > 0);
    this.byteLength = pieces.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }

  /** In one piece, copied. */
  flat(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** The pieces from one place to before another, not copied. */
  between(start: number, end: number): readonly Buffer[] {
    const found: Buffer[] = [];
    let at = 0;
    for (const piece of this.pieces) {
      const [from, to] = [Math.max(start - at, 0), Math.min(end - at, piece.byteLength)];
      if (from < to) found.push(piece.subarray(from, to));
      at += piece.byteLength;
    }
    return found;
  }
}
