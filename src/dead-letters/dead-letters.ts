/**
 * The door of dead letters: what recipients did not get done with, for operators to look at, to send once more, or to
 * drop. A letter sent once more is a new message to its topic, with all its attempts before it; it is removed when that
 * is durable, so a crash in between sends it twice and loses nothing.
 */
import type { Permit } from '../acl/authorizer.ts';
import { Circuit, type CircuitDeps } from '../circuits/circuit.ts';
import { topic } from '../model/topic.ts';
import type { DeadLetter, DeadLetterPage, DeadLetterStore } from '../ports/dead-letter-store.ts';
import type { Router } from '../router/router.ts';

export type DeadLetterPermit = Permit<{ readonly action: 'manage_dead_letters' }>;

export interface DeadLettersDeps extends CircuitDeps {
  readonly deadLetterStore: DeadLetterStore;
  readonly router: Router;
}

/** What became of some ids. */
export interface DeadLetterOutcome {
  readonly count: number;
  readonly unknown: readonly string[];
}

export class DeadLetters {
  readonly #deps: DeadLettersDeps;
  readonly #circuit: Circuit;

  constructor(deps: DeadLettersDeps) {
    this.#deps = deps;
    this.#circuit = new Circuit('dead letters', deps);
  }

  /** The oldest first, after the mark of a page before; of one topic, or of all where it is empty. */
  list(_permit: DeadLetterPermit, page: { topic: string; after: string; limit: number }): Promise<DeadLetterPage> {
    return this.#circuit.run(() => this.#deps.deadLetterStore.list(page.topic, page.after, page.limit));
  }

  async redrive(permit: DeadLetterPermit, ids: readonly string[]): Promise<DeadLetterOutcome> {
    const { deadLetterStore, router } = this.#deps;
    const letters = await this.#get(ids);
    await Promise.all(
      letters.map((letter) => router.republish(permit, topic(letter.topic), toMessage(letter)).durable),
    );
    await deadLetterStore.remove(letters.map(({ id }) => id));
    return outcomeOf(ids, letters);
  }

  async drop(_permit: DeadLetterPermit, ids: readonly string[]): Promise<DeadLetterOutcome> {
    const letters = await this.#get(ids);
    await this.#deps.deadLetterStore.remove(letters.map(({ id }) => id));
    return outcomeOf(ids, letters);
  }

  #get(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return this.#circuit.run(() => this.#deps.deadLetterStore.get(ids));
  }
}

/** Its receipt has come to its end; the message goes on without one. */
const toMessage = ({ frame, source }: DeadLetter) => ({ frame, sender: { source, epoch: 0n } });

const outcomeOf = (ids: readonly string[], letters: readonly DeadLetter[]): DeadLetterOutcome => {
  const found = new Set(letters.map(({ id }) => id));
  return { count: letters.length, unknown: ids.filter((id) => !found.has(id)) };
};
