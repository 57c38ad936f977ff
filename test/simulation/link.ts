/**
 * A gateway's connection to one store. Requests arrive in the order they were made, answers in the order they were given,
 * each after a while. A request or an answer may be lost, and then nobody knows what happened: `STORE_UNAVAILABLE`.
 * Nothing is ever duplicated.
 */
import { FabricError } from '../../src/model/error.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from './random.ts';
import { type SimProcess, stepMs } from './sim-process.ts';
import type { Trace } from './trace.ts';

/** What a cut loses: everything, only what goes to the store, or only what comes from it. */
export type Cut = 'both' | 'requests' | 'answers';

export interface LinkDeps {
  readonly name: string;
  readonly process: SimProcess;
  readonly clock: Clock;
  readonly random: Random;
  readonly trace: Trace;
  readonly latencyMs: number;
  /** How often a single answer is lost. */
  readonly lossRate: () => number;
  /** How often a single request is held up, and all behind it, for longer than anybody waits. */
  readonly stallRate: () => number;
  /** How long a request waits for its answer. */
  readonly patienceMs: number;
  /** Something was lost, cut or slow. */
  readonly onTrouble: () => void;
}

/** One way, while nothing is wrong: well within anyone's patience. */
const usualMaxMs = 300;

/** From when a request that was held up has arrived until the next may be. */
const stallPauseMs = 1500;

/** How long a store may send into a feed that is broken. */
const breakNoticedMaxMs = 400;

/**
 * How much later than the store a running gateway may know that a feed has broken: what a takeover waits for (decision
 * 0011), and not more.
 */
const noticedAfterStoreMaxMs = 35;

/** Something the store sends without being asked each time: a reading, a subscription. */
export interface Feed {
  /** Sends to the gateway; nothing arrives any more once the feed has broken. */
  push(run: () => void): void;
  /** Tells the store's side to stop. */
  readonly broken: AbortSignal;
}

export class Link {
  readonly #deps: LinkDeps;
  readonly #feeds = new Set<{ readonly fail: () => void }>();
  #cut: Cut | undefined;
  #slowness = 1;
  #heldUpMs = 0;
  #stalledUntilMs = Number.NEGATIVE_INFINITY;
  #lastRequestMs = 0;
  #lastAnswerMs = 0;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
  }

  get isCut(): boolean {
    return this.#cut !== undefined;
  }

  /** Loses what is on its way too. Feeds break, and their readers hear of it after a while. */
  cut(cut: Cut): void {
    this.#cut = cut;
    this.#deps.onTrouble();
    for (const feed of this.#feeds) feed.fail();
    this.#feeds.clear();
  }

  heal(): void {
    if (this.#cut !== undefined || this.#slowness > 1 || this.#heldUpMs > 0) this.#deps.onTrouble();
    this.#heldUpMs = 0;
    this.#cut = undefined;
    this.#slowness = 1;
  }

  slowDown(factor: number): void {
    this.#slowness = factor;
  }

  /** Requests from now on, and what comes behind them, are on their way for so much longer. */
  holdUp(ms: number): void {
    this.#heldUpMs = ms;
  }

  /** Asks the store. `effect` happens there, if the request arrives, whatever becomes of the answer. */
  call<Answer>(what: string, effect: () => Promise<Answer>): Promise<Answer> {
    const { clock, process, random } = this.#deps;
    const answered = Promise.withResolvers<Answer>();
    const fail = (): void => {
      this.#say(`${what} has no answer`);
      answered.reject(unavailable(this.#deps.name));
    };
    if (this.#cut === 'both' && random.chance(0.5)) {
      process.after(random.between(0.5, 20), fail);
      return answered.promise;
    }
    const timer = clock.schedule(this.#deps.patienceMs, fail);
    this.#request(() => {
      void effect().then(
        (answer) => this.#answer(what, () => [timer.cancel(), answered.resolve(answer)]),
        (cause: unknown) => this.#answer(what, () => [timer.cancel(), answered.reject(cause)]),
      );
    });
    return answered.promise;
  }

  /** Tells the store something that has no answer. */
  tell(run: () => void): void {
    this.#request(run);
  }

  /** The store tells the gateway something, once; lost while the link is cut. */
  reach(run: () => void): void {
    this.#comeBack(() => {
      if (this.#cut === undefined || this.#cut === 'requests') run();
    });
  }

  /** Opens a feed; `onBroken` is called in the gateway when it breaks. */
  feed(onBroken: (error: FabricError) => void): Feed & { close(): void } {
    const { process, random, name } = this.#deps;
    const ended = new AbortController();
    let isBroken = false;
    const handle = {
      fail: (): void => {
        isBroken = true;
        const storeMs = random.between(0, breakNoticedMaxMs);
        const { scheduler } = process;
        scheduler.at(scheduler.nowMs + storeMs, () => ended.abort());
        process.after(random.between(0, storeMs + noticedAfterStoreMaxMs), () => onBroken(unavailable(name)));
      },
    };
    if (this.#cut === undefined) this.#feeds.add(handle);
    else handle.fail();
    return {
      broken: ended.signal,
      push: (run) => {
        if (!isBroken)
          this.#comeBack(() => {
            if (!isBroken) run();
          });
      },
      close: () => {
        this.#feeds.delete(handle);
        isBroken = true;
        ended.abort();
      },
    };
  }

  /** The gateway has died: the store stops sending to it. */
  close(): void {
    for (const feed of this.#feeds) feed.fail();
    this.#feeds.clear();
  }

  #request(arrive: () => void): void {
    const { process, random, stallRate, onTrouble } = this.#deps;
    const { scheduler } = process;
    const stallMs = this.#heldUpMs + (random.chance(stallRate()) && this.#mayStall() ? random.between(500, 4000) : 0);
    if (stallMs > 0) {
      onTrouble();
      this.#stalledUntilMs = scheduler.nowMs + stallMs;
    }
    this.#lastRequestMs = Math.max(this.#lastRequestMs + stepMs, scheduler.nowMs + stallMs + this.#delayMs(random));
    scheduler.at(this.#lastRequestMs, () => {
      if (this.#cut !== 'both' && this.#cut !== 'requests') arrive();
    });
  }

  /** A network is not worse for whoever asks more often. */
  #mayStall(): boolean {
    return this.#deps.process.scheduler.nowMs >= this.#stalledUntilMs + stallPauseMs;
  }

  #answer(what: string, run: () => void): void {
    const { random, lossRate } = this.#deps;
    if (random.chance(lossRate())) return this.#say(`${what} loses its answer`);
    this.reach(run);
  }

  #comeBack(run: () => void): void {
    const { process, random } = this.#deps;
    this.#lastAnswerMs = Math.max(this.#lastAnswerMs + stepMs, process.scheduler.nowMs + this.#delayMs(random));
    process.at(this.#lastAnswerMs, run);
  }

  #delayMs(random: Random): number {
    const delayMs = random.latency(this.#deps.latencyMs) / 2;
    return Math.min(delayMs, usualMaxMs) * this.#slowness;
  }

  #say(what: string): void {
    this.#deps.onTrouble();
    this.#deps.trace.say(this.#deps.process.name, what);
  }
}

const unavailable = (name: string): FabricError => new FabricError('STORE_UNAVAILABLE', `${name} does not answer`);
