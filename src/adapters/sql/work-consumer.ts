/** One consumer of a topic: what it has claimed, in the order it hands it out, until each item is ended. */
import type { FabricError } from '../../model/error.ts';
import type { WorkItem } from '../../ports/work-queue.ts';
import type { Claim, ClaimedItem } from './work-statements.ts';

export interface ConsumerDeps {
  readonly credit: number;
  /** The consumer has ended the item, or gives it back because it ends itself. */
  readonly complete: (claim: Claim) => void;
  readonly release: (claim: Claim) => void;
}

export class WorkConsumer {
  readonly #deps: ConsumerDeps;
  /** Claimed and not ended. */
  readonly #open = new Map<number, ClaimedItem>();
  /** Those of them that have not been handed out. */
  readonly #waiting: ClaimedItem[] = [];
  #failure: FabricError | undefined;
  #isOver = false;
  #wake = Promise.withResolvers<void>();

  constructor(deps: ConsumerDeps) {
    this.#deps = deps;
  }

  /** How many more it may have. */
  get room(): number {
    return this.#isOver ? 0 : this.#deps.credit - this.#open.size;
  }

  get claims(): Iterable<Claim> {
    return this.#open.values();
  }

  give(item: ClaimedItem): void {
    this.#open.set(item.id, item);
    this.#waiting.push(item);
    this.#wake.resolve();
  }

  fail(cause: FabricError): void {
    this.#failure = cause;
    this.end();
  }

  /** Gives back what is open. What is handed out and ended later than this is not heard. */
  end(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
    for (const item of this.#open.values()) this.#deps.release(item);
    this.#open.clear();
    this.#wake.resolve();
  }

  async *items(): AsyncGenerator<WorkItem> {
    while (!this.#isOver) {
      const item = this.#waiting.shift();
      if (item === undefined) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      } else yield this.#toWorkItem(item);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #toWorkItem(item: ClaimedItem): WorkItem {
    const end = (how: (claim: Claim) => void) => () => {
      if (this.#open.get(item.id) !== item) return;
      this.#open.delete(item.id);
      how(item);
    };
    return {
      id: String(item.id),
      body: item.body,
      attempt: item.attempt,
      ack: end(this.#deps.complete),
      release: end(this.#deps.release),
    };
  }
}
