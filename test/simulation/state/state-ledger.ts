/**
 * What was asked of keys and checkpoints and what was answered, in the order in which it happened, from the side of those
 * who asked; when sessions began; and when the store lost everything.
 */
import type { Answer, Deed, Space } from './deed.ts';
import type { Sight } from './key-model.ts';

/** A place in the order of all that happens, and the time. */
export interface Moment {
  readonly at: number;
  readonly ms: number;
}

export interface Asker {
  readonly identity: string;
  readonly sessionId: string;
}

export interface Asked {
  readonly asker: Asker;
  readonly space: Space;
  readonly key: string;
  readonly deed: Deed;
  readonly called: Moment;
  /** Both absent where nobody heard what became of it. */
  returned?: Moment;
  answer?: Answer;
}

/** A piece of a space that was listed: all keys behind `after`, up to the last one where there are more. */
export interface Page {
  readonly identity: string;
  readonly space: Space;
  /** Empty for the first page. */
  readonly after: string;
  readonly isLast: boolean;
  readonly keys: ReadonlyMap<string, Sight>;
  /** What it says of those that are not on it. */
  readonly others: Sight;
  readonly called: Moment;
  readonly returned: Moment;
}

export interface Purge {
  readonly asker: Asker;
  readonly called: Moment;
  returned?: Moment;
}

export class StateLedger {
  readonly #nowMs: () => number;
  #at = 0;
  readonly asked = new Set<Asked>();
  readonly pages: Page[] = [];
  readonly purges: Purge[] = [];
  readonly wipes: Moment[] = [];
  readonly sessions: { readonly asker: Asker; readonly since: Moment }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  moment(): Moment {
    this.#at += 1;
    return { at: this.#at, ms: this.#nowMs() };
  }

  ask(what: Omit<Asked, 'called' | 'returned' | 'answer'>): Asked {
    const asked = { ...what, called: this.moment() };
    this.asked.add(asked);
    return asked;
  }

  answered(asked: Asked, answer: Answer): void {
    asked.returned = this.moment();
    asked.answer = answer;
  }

  /** It was refused before anybody was asked. */
  refused(asked: Asked): void {
    this.asked.delete(asked);
  }

  listed(page: Omit<Page, 'returned'>): void {
    this.pages.push({ ...page, returned: this.moment() });
  }

  purge(asker: Asker): Purge {
    const purge = { asker, called: this.moment() };
    this.purges.push(purge);
    return purge;
  }

  /** Its client has the acknowledgement. */
  began(asker: Asker): void {
    this.sessions.push({ asker, since: this.moment() });
  }

  wiped(): void {
    this.wipes.push(this.moment());
  }
}
