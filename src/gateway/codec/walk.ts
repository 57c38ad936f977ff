/** Walks the fields of a message by hand; stops for good at anything unusual, which the generated code then reads. */
export class Walk {
  readonly bytes: Buffer;
  at: number;
  isUsual = true;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** Whether there is more to walk. */
  get goesOn(): boolean {
    return this.isUsual && this.at < this.bytes.byteLength;
  }

  /** A varint of up to 28 bits. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes[this.at];
      if (byte === undefined) break;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.isUsual = false;
    return 0;
  }

  slice(): Buffer {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.byteLength) this.isUsual = false;
    const slice = this.bytes.subarray(this.at, end);
    this.at = end;
    return slice;
  }
}
