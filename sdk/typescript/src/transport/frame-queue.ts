/**
 * Groups of frames between a transport that pushes and a client that pulls. Bounded by asking the transport to pause
 * once `pauseAtBytes` wait, and to resume when all have been taken.
 */
import { Fifo } from '../fifo.ts';
import type { StreamEnd } from './transport.ts';

const pauseAtBytes = 64 * 1024;

export interface Valve {
  readonly pause: () => void;
  readonly resume: () => void;
}

type Group = readonly Uint8Array[];

export class FrameQueue implements AsyncIterator<Group, StreamEnd, undefined> {
  readonly #valve: Valve;
  readonly #groups = new Fifo<Group>();
  #bytes = 0;
  #isPaused = false;
  #end: StreamEnd | undefined;
  #asked: ((result: IteratorResult<Group, StreamEnd>) => void) | undefined;

  constructor(valve: Valve) {
    this.#valve = valve;
  }

  push(frames: Group): void {
    if (frames.length === 0) return;
    const asked = this.#asked;
    if (asked !== undefined) {
      this.#asked = undefined;
      asked({ value: frames, done: false });
      return;
    }
    this.#groups.push(frames);
    this.#bytes += sizeOf(frames);
    if (this.#bytes < pauseAtBytes || this.#isPaused) return;
    this.#isPaused = true;
    this.#valve.pause();
  }

  /** Nothing comes after this; what was pushed before is still handed out. */
  finish(end: StreamEnd): void {
    this.#end ??= end;
    this.#asked?.({ value: this.#end, done: true });
    this.#asked = undefined;
  }

  /** One at a time. */
  next(): Promise<IteratorResult<Group, StreamEnd>> {
    const group = this.#groups.shift();
    if (group !== undefined) {
      this.#bytes -= sizeOf(group);
      this.#relieve();
      return Promise.resolve({ value: group, done: false });
    }
    if (this.#end !== undefined) return Promise.resolve({ value: this.#end, done: true });
    this.#relieve();
    return new Promise((resolve) => {
      this.#asked = resolve;
    });
  }

  #relieve(): void {
    if (!this.#isPaused || this.#groups.length > 0) return;
    this.#isPaused = false;
    this.#valve.resume();
  }
}

const sizeOf = (frames: Group): number => {
  let bytes = 0;
  for (const frame of frames) bytes += frame.byteLength;
  return bytes;
};
