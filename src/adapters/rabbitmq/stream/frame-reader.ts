/**
 * Cuts what a socket delivers into frames. A frame that lies within one chunk is passed on without copying; one that
 * spans several is put together once, when its last byte is there, so the cost is linear however it was cut.
 */
export type FrameFault = { readonly fault: 'frame too short' | 'frame too large'; readonly bytes: number };

const sizeBytes = 4;
/** A key and a version. */
const frameBytesMin = 4;

export class FrameReader {
  #frameBytesMax: number;
  /** Of the frame, or of its size field, that is not complete. */
  #parts: Buffer[] = [];
  #held = 0;
  /** The size of the frame that is not complete; `undefined` while its size field is not. */
  #size: number | undefined;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** A peer that is not yet authenticated may send only small frames. */
  allow(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Calls `take` for each frame that is complete now. After a fault the reader is of no more use. */
  push(data: Buffer, take: (frame: Buffer) => void): FrameFault | undefined {
    let at = 0;
    while (at < data.length) {
      if (this.#size === undefined) {
        const size = this.#readSize(data, at);
        if (size === undefined) return undefined;
        at = size.at;
        if (size.bytes < frameBytesMin) return { fault: 'frame too short', bytes: size.bytes };
        if (size.bytes > this.#frameBytesMax) return { fault: 'frame too large', bytes: size.bytes };
        this.#size = size.bytes;
      }
      const end = at + this.#size - this.#held;
      if (end > data.length) {
        if (at < data.length) this.#hold(data.subarray(at));
        return undefined;
      }
      take(this.#complete(data.subarray(at, end), this.#size));
      at = end;
    }
    return undefined;
  }

  /** The size field at `at`, and where it ends; `undefined` when bytes of it are missing. */
  #readSize(data: Buffer, at: number): { readonly bytes: number; readonly at: number } | undefined {
    const end = at + sizeBytes - this.#held;
    if (end > data.length) {
      this.#hold(data.subarray(at));
      return undefined;
    }
    const bytes = this.#complete(data.subarray(at, end), sizeBytes).readUInt32BE(0);
    return { bytes, at: end };
  }

  #hold(part: Buffer): void {
    this.#parts.push(part);
    this.#held += part.length;
  }

  #complete(last: Buffer, size: number): Buffer {
    this.#size = undefined;
    if (this.#held === 0) return last;
    const whole = Buffer.concat([...this.#parts, last], size);
    this.#parts = [];
    this.#held = 0;
    return whole;
  }
}
