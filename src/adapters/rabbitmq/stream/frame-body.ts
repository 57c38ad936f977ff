/**
 * Reads the fields of a frame, one after the other. Nothing here throws: past the end every field is zero or empty and
 * `isIntact` becomes false, so a decoder reads all it expects and looks once. Strings and lists are bounded by the bytes
 * that are there, whatever length they claim.
 */
export class FrameBody {
  readonly #bytes: Buffer;
  #at: number;
  #isIntact = true;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** No field so far lay outside the frame. */
  get isIntact(): boolean {
    return this.#isIntact;
  }

  get remaining(): number {
    return this.#isIntact ? this.#bytes.length - this.#at : 0;
  }

  uint8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#bytes.readUInt8(at);
  }

  uint16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#bytes.readUInt16BE(at);
  }

  uint32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#bytes.readUInt32BE(at);
  }

  uint64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#bytes.readBigUInt64BE(at);
  }

  /** An unsigned 64-bit number of which only values up to 2^53 matter; larger ones lose their low bits. */
  uint53(): number {
    const at = this.#take(8);
    return at < 0 ? 0 : this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4);
  }

  /** Without copying. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return at < 0 ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(at, at + length);
  }

  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** A length of -1 means null, which nobody needs to tell from empty. */
  string(): string {
    const length = this.uint16();
    return length === 0xffff ? '' : this.bytes(length).toString('utf8');
  }

  list<Item>(item: () => Item): Item[] {
    const count = this.uint32();
    const items: Item[] = [];
    while (items.length < count && this.#isIntact) items.push(item());
    return items;
  }

  map(): Map<string, string> {
    return new Map(this.list(() => [this.string(), this.string()] as const));
  }

  #take(length: number): number {
    const at = this.#at;
    if (!this.#isIntact || length > this.#bytes.length - at) {
      this.#isIntact = false;
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}
