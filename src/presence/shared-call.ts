/** A question many ask at once. Whoever asks while it is under way shares the next one, as an answer is of its beginning. */
export class SharedCall<Answer> {
  readonly #call: () => Promise<Answer>;
  #running: Promise<Answer> | undefined;
  #next: Promise<Answer> | undefined;

  constructor(call: () => Promise<Answer>) {
    this.#call = call;
  }

  /** An answer to a question that was asked after this. */
  ask(): Promise<Answer> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<Answer> {
    this.#next = undefined;
    const running = this.#call().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
