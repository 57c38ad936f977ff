/**
 * What a session that takes over has to know of the one before it: that it gets nothing any more, so that the new one can
 * be acknowledged; and that nothing it has said can still land in the log, so that the new one may say something (I1).
 *
 * Its gateway says both, where it can. It cannot where its lease is gone, with which it may not act any more: then what
 * it left on its way to the log is fenced off. That a gateway was killed shows before its lease is gone: nobody listens
 * to what it is told. One that only is cut off delivers nothing for as long, so either way nothing is delivered.
 */
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hint, Hints } from '../ports/hints.ts';
import type { Fencing } from './fencing.ts';
import type { Keepers } from './keepers.ts';

interface SuccessionDeps {
  /** What a session may be continued for: until then it is remembered who may have been replaced. */
  readonly identityTtlMs: number;
  readonly hints: Hints;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly keepers: Keepers;
  readonly fencing: Fencing;
  readonly signal: AbortSignal;
}

/** A session of another gateway, or of this one under a lease it has lost. */
export interface Predecessor {
  readonly identity: string;
  readonly epoch: bigint;
  readonly keeper: string;
}

export interface Handover {
  /** Resolves when the predecessor gets no deliveries any more. */
  readonly heard: Promise<void>;
  /** Resolves when nothing comes of the predecessor any more. */
  readonly settled: Promise<void>;
}

interface Asked {
  readonly heard: () => void;
  readonly settled: () => void;
}

const askAgainAfterMs = 150;
const doubtedMax = 10_000;
/** Longer than a log may take to confirm or refuse what is on its way to it. */
const appendsOverMs = 15_000;

export class Succession {
  readonly #deps: SuccessionDeps;
  readonly #asked = new Map<string, Asked>();
  /** Sessions that may have been replaced by a grant of which this gateway got no answer, and whether they are followed. */
  readonly #doubted = new Map<Predecessor, Handover | undefined>();

  constructor(deps: SuccessionDeps) {
    this.#deps = deps;
  }

  hear(hint: Extract<Hint, { kind: 'heard' | 'presence' }>): void {
    const asked = this.#asked.get(hint.probe);
    asked?.heard();
    if (hint.kind === 'presence') asked?.settled();
  }

  /** It may have been replaced: who is granted the identity next, here or after this gateway, has to follow it too. */
  doubt(predecessor: Predecessor): void {
    const [oldest] = this.#doubted.keys();
    if (this.#doubted.size >= doubtedMax && oldest !== undefined) this.#doubted.delete(oldest);
    this.#doubted.set(predecessor, undefined);
    this.#deps.clock.schedule(this.#deps.identityTtlMs, () => void this.#doubted.delete(predecessor));
  }

  /** Follows all that are doubted, of those before this epoch. */
  followDoubted(identity: string, epoch: bigint): readonly Handover[] {
    const found = [...this.#doubted].filter(([one]) => one.identity === identity && one.epoch < epoch);
    return found.map(([one, begun]) => begun ?? this.#followDoubted(one));
  }

  #followDoubted(predecessor: Predecessor): Handover {
    const handover = this.follow(predecessor);
    this.#doubted.set(predecessor, handover);
    void handover.settled.then(() => this.#doubted.delete(predecessor));
    return handover;
  }

  follow(predecessor: Predecessor): Handover {
    const [heard, settled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const probe = this.#deps.entropy.uuid();
    this.#asked.set(probe, { heard: heard.resolve, settled: settled.resolve });
    const over = new AbortController();
    void this.#close(probe, settled.promise, over);
    void this.#ask(predecessor, probe, over.signal);
    this.#outlive({ heard: heard.resolve, settled: settled.resolve }, over.signal).catch(() => undefined);
    void this.#watch(predecessor, { heard: heard.resolve, settled: settled.resolve }, over.signal);
    return { heard: heard.promise, settled: settled.promise };
  }

  async #close(probe: string, settled: Promise<void>, over: AbortController): Promise<void> {
    await settled;
    this.#asked.delete(probe);
    over.abort();
  }

  /**
   * Where no hint comes through at all, time tells: the predecessor's lease cannot be renewed any more, and a log has
   * confirmed or refused what its gateway had on its way.
   */
  async #outlive({ heard, settled }: Asked, over: AbortSignal): Promise<void> {
    const { clock, signal, identityTtlMs } = this.#deps;
    const ended = AbortSignal.any([signal, over]);
    await clock.sleep(identityTtlMs, { signal: ended });
    heard();
    await clock.sleep(appendsOverMs, { signal: ended });
    settled();
  }

  async #ask({ identity, epoch, keeper }: Predecessor, probe: string, over: AbortSignal): Promise<void> {
    const { hints, clock, signal } = this.#deps;
    const ended = AbortSignal.any([signal, over]);
    while (!ended.aborted) {
      hints.publish({ kind: 'settle', identity, epoch, keeper, probe });
      await clock.sleep(askAgainAfterMs, { signal: ended }).catch(() => undefined);
    }
  }

  async #watch({ keeper }: Predecessor, { heard, settled }: Asked, over: AbortSignal): Promise<void> {
    const { keepers, fencing } = this.#deps;
    void keepers.silent(keeper, over).then(heard);
    await keepers.gone(keeper, over);
    heard();
    await fencing.fenced(keeper);
    settled();
  }
}
