import type { Scheduler } from './scheduler.ts';

/** Every event of a run as one line. The lines are hashed as they come, and kept only where somebody wants to read. */
export class Trace {
  readonly #scheduler: Scheduler;
  readonly #keeps: boolean;
  readonly lines: string[] = [];
  #low = 0xdeadbeef;
  #high = 0x41c6ce57;

  constructor(scheduler: Scheduler, { keeps }: { readonly keeps: boolean }) {
    this.#scheduler = scheduler;
    this.#keeps = keeps;
  }

  say(who: string, what: string): void {
    const line = `${this.#scheduler.nowMs.toFixed(3)} ${who} ${what}`;
    if (this.#keeps) this.lines.push(line);
    this.#mix(line);
  }

  /** Of all lines so far: cyrb53, 53 bits. */
  get hash(): string {
    return (2 ** 32 * (this.#high >>> 11) + (this.#low >>> 0)).toString(16).padStart(14, '0');
  }

  #mix(line: string): void {
    for (let index = 0; index < line.length; index += 1) {
      const code = line.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, 2654435761);
      this.#high = Math.imul(this.#high ^ code, 1597334677);
    }
    this.#low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507) ^ (this.#high >>> 13);
    this.#high = Math.imul(this.#high ^ (this.#high >>> 16), 3266489909) ^ (this.#low >>> 16);
  }
}
