/**
 * Groups of frames between a transport that pushes and a connection that pulls. Bounded by asking the transport to pause
 * once `pauseAtBytes` are waiting, and to resume when all have been taken.
 */
import type { FabricError } from '../model/error.ts';
import type { StreamEnd } from './frame-stream.ts';

const pauseAtBytes = 64 * 1024;

export interface Valve {
  readonly pause: () => void;
  readonly resume: () => void;
}

export class FrameQueue<Frame extends { readonly byteLength: number }> {
  readonly #valve: Valve;
  #groups: (readonly Frame[])[] = [];
  #bytes = 0;
  #isPaused = false;
  #end: StreamEnd | FabricError | undefined;
  #wake: (() => void) | undefined;
  #untaken: (() => void)[] = [];

  constructor(valve: Valve) {
    this.#valve = valve;
  }

  /** Whether the transport has been asked to pause. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Calls `taken` once everything pushed so far has been handed out; never, if it is not. */
  whenTaken(taken: () => void): void {
    if (this.#groups.length === 0) setImmediate(taken);
    else this.#untaken.push(taken);
  }

  push(frames: readonly Frame[]): void {
    if (frames.length === 0) return;
    this.#groups.push(frames);
    for (const frame of frames) this.#bytes += frame.byteLength;
    if (this.#bytes >= pauseAtBytes && !this.#isPaused) {
      this.#isPaused = true;
      this.#valve.pause();
    }
    this.#wake?.();
  }

  /** Nothing comes after this; what was pushed before is still handed out, except after `gone`. */
  finish(end: StreamEnd | FabricError): void {
    this.#end ??= end;
    if (end === 'gone') this.#end = end;
    this.#wake?.();
  }

  async *read({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<readonly Frame[], StreamEnd> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted && this.#end !== 'gone') {
        const group = this.#groups.shift();
        if (group !== undefined) {
          this.#take(group);
          yield group;
        } else if (this.#end !== undefined) break;
        else await this.#something();
      }
      if (this.#end === undefined || typeof this.#end === 'string') return this.#end ?? 'gone';
      throw this.#end;
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #take(group: readonly Frame[]): void {
    for (const frame of group) this.#bytes -= frame.byteLength;
    if (this.#groups.length > 0) return;
    for (const taken of this.#untaken.splice(0)) taken();
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#valve.resume();
  }

  async #something(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}
