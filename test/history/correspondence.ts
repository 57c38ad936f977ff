/** The messages of a run that have names, each with everything its sender and its recipient wrote of it. */
import type { Answered, Asked, Buried, Handed, Posted, Told, Withdrawn } from './event.ts';

export type CorrespondenceEvent = Posted | Withdrawn | Told | Asked | Handed | Answered | Buried;

/** One named message. */
export interface Letter {
  readonly id: string;
  /** Absent where somebody speaks of it and nobody has posted it. */
  posted: Posted | undefined;
  isWithdrawn: boolean;
  told: Told | undefined;
  asked: Asked | undefined;
  /** What its recipient wrote, in order. */
  readonly log: (Handed | Answered)[];
  readonly buried: Buried[];
}

export class Correspondence {
  readonly #letters = new Map<string, Letter>();

  get letters(): Iterable<Letter> {
    return this.#letters.values();
  }

  get size(): number {
    return this.#letters.size;
  }

  take(event: CorrespondenceEvent): void {
    const letter = this.#letter(event.id);
    switch (event.e) {
      case 'posted':
        letter.posted = event;
        break;
      case 'withdrawn':
        letter.isWithdrawn = true;
        break;
      case 'told':
        letter.told = event;
        break;
      case 'asked':
        letter.asked = event;
        break;
      case 'buried':
        letter.buried.push(event);
        break;
      default:
        letter.log.push(event);
    }
  }

  #letter(id: string): Letter {
    let letter = this.#letters.get(id);
    if (letter === undefined) {
      letter = {
        id,
        posted: undefined,
        isWithdrawn: false,
        told: undefined,
        asked: undefined,
        log: [],
        buried: [],
      };
      this.#letters.set(id, letter);
    }
    return letter;
  }
}
