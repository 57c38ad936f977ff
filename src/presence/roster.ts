/** The sessions of one gateway: the present one of each identity, and those that have left and are not over yet. */
import type { Session } from './session.ts';

export class Roster {
  readonly #present = new Map<string, Session>();
  readonly #leaving = new Set<Session>();

  /** How many are present. */
  get size(): number {
    return this.#present.size;
  }

  get present(): readonly Session[] {
    return [...this.#present.values()];
  }

  get all(): readonly Session[] {
    return [...this.#present.values(), ...this.#leaving];
  }

  find(identity: string): Session | undefined {
    return this.#present.get(identity);
  }

  /** All of an identity, the present one first. */
  under(identity: string): readonly Session[] {
    const present = this.#present.get(identity);
    const leaving = [...this.#leaving].filter((session) => session.identity === identity);
    return present === undefined ? leaving : [present, ...leaving];
  }

  enter(session: Session): void {
    this.#present.set(session.identity, session);
  }

  /** It is not present any more; `isOver` says whether nothing can come of it either. */
  leave(session: Session, { isOver }: { readonly isOver: boolean }): void {
    if (this.#present.get(session.identity) === session) this.#present.delete(session.identity);
    if (!isOver) this.#leaving.add(session);
  }

  /** Nothing comes of it any more. */
  strike(session: Session): void {
    this.#leaving.delete(session);
  }
}
