/**
 * Keeps out of the log what a gateway that may not act any more has left on its way there. What a gateway appends is in
 * the name of its keeper, so one fence, made by whoever needs it first, is for all the sessions it kept.
 */
import type { Log } from '../ports/log.ts';
import type { MessageLog } from '../ports/message-log.ts';

interface FencingDeps {
  readonly messageLog: Pick<MessageLog, 'fence'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A keeper that was forgotten is fenced off once more, which changes nothing. */
const rememberedMax = 1000;

export class Fencing {
  readonly #deps: FencingDeps;
  readonly #fences = new Map<string, Promise<void>>();
  readonly #abandoned = new Map<string, Promise<void>>();

  constructor(deps: FencingDeps) {
    this.#deps = deps;
  }

  /**
   * Only for a keeper whose lease is gone. Resolves when nothing of its gateway can land in the log behind what comes
   * from now on; never rejects, and stays open where this gateway stops before.
   */
  fenced(keeper: string): Promise<void> {
    let fence = this.#fences.get(keeper);
    if (fence !== undefined) return fence;
    fence = this.#fence(keeper);
    const [oldest] = this.#fences.keys();
    if (this.#fences.size >= rememberedMax && oldest !== undefined) this.#fences.delete(oldest);
    this.#fences.set(keeper, fence);
    return fence;
  }

  /** A keeper of this gateway's own has lost its lease. */
  abandon(keeper: string): void {
    this.#abandoned.set(
      keeper,
      this.fenced(keeper).then(() => void this.#abandoned.delete(keeper)),
    );
  }

  /** Set while something this gateway had on its way under a former keeper is not fenced off. */
  get abandoned(): Promise<void> | undefined {
    return this.#abandoned.size === 0 ? undefined : Promise.all(this.#abandoned.values()).then(() => undefined);
  }

  #fence(keeper: string): Promise<void> {
    const { messageLog, log, signal } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<void>();
    messageLog.fence(keeper, { signal }).then(resolve, (cause: unknown) => {
      this.#fences.delete(keeper);
      if (!signal.aborted) log.error('a gateway that is gone could not be fenced off', { keeper, cause });
    });
    return promise;
  }
}
