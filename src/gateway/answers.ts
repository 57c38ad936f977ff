/**
 * Answers of one session in the order of their questions, though several are being worked on at once. How many, and with
 * how many bytes, is bounded: beyond that the asker's reading waits.
 */
import { answerBytesInFlightMax, answersInFlightMax } from '../model/limits.ts';

/** Says an answer; called when its turn has come. */
export type Say = () => void;

interface Slot {
  say: Say | undefined;
  readonly bytes: number;
}

export class Answers {
  readonly #slots: Slot[] = [];
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #settled: PromiseWithResolvers<void> | undefined;

  /** Whether everything has been answered. */
  get isIdle(): boolean {
    return this.#slots.length === 0;
  }

  /** Takes the next answer, which is on its way and must not fail; `undefined`, or when there is room for more. */
  add(answer: Promise<Say>, bytes: number): Promise<void> | undefined {
    const slot: Slot = { say: undefined, bytes };
    this.#slots.push(slot);
    this.#bytes += bytes;
    void answer.then((say) => this.#fill(slot, say));
    if (!this.#isFull()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Resolves when everything that was asked has been answered. */
  settled(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    this.#settled ??= Promise.withResolvers();
    return this.#settled.promise;
  }

  #fill(slot: Slot, say: Say): void {
    slot.say = say;
    if (this.#slots[0] !== slot) return;
    let said = 0;
    for (const { say: next, bytes } of this.#slots) {
      if (next === undefined) break;
      next();
      this.#bytes -= bytes;
      said += 1;
    }
    this.#slots.splice(0, said);
    this.#tell();
  }

  #tell(): void {
    if (!this.#isFull()) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    if (!this.isIdle) return;
    this.#settled?.resolve();
    this.#settled = undefined;
  }

  #isFull(): boolean {
    return this.#slots.length >= answersInFlightMax || this.#bytes >= answerBytesInFlightMax;
  }
}
