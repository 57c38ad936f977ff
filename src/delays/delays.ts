/**
 * The door of delayed messages: accepted and permitted now, published when they are due, by whichever gateway claims
 * them. A gateway that dies with a claim leaves it to run out; what it had published already comes a second time, marked
 * as a possible duplicate where its sender named it.
 */
import type { PublishPermit } from '../acl/authorizer.ts';
import { Circuit, type CircuitDeps } from '../circuits/circuit.ts';
import type { FabricError } from '../model/error.ts';
import { delayedPerClaimMax } from '../model/limits.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Scheduled } from '../ports/clock.ts';
import type { DelayStore, DueMessage } from '../ports/delay-store.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Publication } from '../router/publication.ts';
import type { OutgoingMessage, Router } from '../router/router.ts';
import { readHeld, writeHeld } from './held-message.ts';

export interface DelaysDeps extends CircuitDeps {
  readonly delayStore: DelayStore;
  readonly router: Router;
  readonly entropy: Entropy;
}

/** What others have held is looked for so often; what this process has, when it is due. */
const pollEveryMs = 1000;
/** Longer than publishing may take. */
const claimMs = 15_000;

export class Delays implements AsyncDisposable {
  readonly #deps: DelaysDeps;
  readonly #circuit: Circuit;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #timer: { readonly atMs: number; readonly scheduled: Scheduled } | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(deps: DelaysDeps) {
    this.#deps = deps;
    this.#circuit = new Circuit('delayed messages', deps);
    const { clock, log } = deps;
    const onFailure = (cause: unknown): void => log.warn('delayed messages could not be published', { cause });
    this.#running = untilAborted({ clock, signal: this.#closing.signal, pauseMs: 0, onFailure }, () => this.#turn());
  }

  /** Why nothing can be held now: `ERR_CIRCUIT_OPEN` while the store is down. */
  refusal(): FabricError | undefined {
    return this.#circuit.refusal();
  }

  /** Keeps a message until it is due. The same name is kept once. */
  hold({ access }: PublishPermit, message: OutgoingMessage, dueAtMs: number): Publication {
    const { tracked } = message;
    const id =
      tracked === undefined || tracked.id === '' ? this.#deps.entropy.uuid() : `${tracked.owner} ${tracked.id}`;
    const body = writeHeld(access.topic.text, message);
    const durable = this.#deps.delayStore.add({ id, dueAtMs, body });
    this.#circuit.settle(durable);
    this.#arm(dueAtMs);
    return { durable, room: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#timer?.scheduled.cancel();
    this.#wake.resolve();
    await this.#running;
  }

  #arm(dueAtMs: number): void {
    if (this.#timer !== undefined && this.#timer.atMs <= dueAtMs) return;
    this.#timer?.scheduled.cancel();
    const { clock } = this.#deps;
    const scheduled = clock.schedule(Math.min(Math.max(0, dueAtMs - clock.now()) + 1, timerMsMax), () => {
      this.#timer = undefined;
      this.#wake.resolve();
    });
    this.#timer = { atMs: dueAtMs, scheduled };
  }

  async #turn(): Promise<void> {
    const poll = this.#deps.clock.schedule(pollEveryMs, () => this.#wake.resolve());
    await this.#wake.promise;
    poll.cancel();
    this.#wake = Promise.withResolvers();
    while (!this.#closing.signal.aborted && (await this.#publishDue())) continue;
  }

  /** Whether there may be more. */
  async #publishDue(): Promise<boolean> {
    const { delayStore } = this.#deps;
    const due = await delayStore.claim(delayedPerClaimMax, claimMs);
    const published = await Promise.all(due.map((message) => this.#publish(message)));
    await delayStore.remove(published.filter((id) => id !== undefined));
    return due.length === delayedPerClaimMax;
  }

  /** Its id once it is durable; what fails is tried again when the claim has run out. */
  async #publish({ id, body, attempt }: DueMessage): Promise<string | undefined> {
    try {
      const { topic, message } = readHeld(body);
      const tracked = message.tracked && {
        ...message.tracked,
        isPossibleDuplicate: message.tracked.isPossibleDuplicate || attempt > 1,
      };
      await this.#deps.router.publishPermitted(topic, { ...message, tracked }).durable;
      return id;
    } catch (cause) {
      this.#deps.log.warn('a delayed message could not be published, will be tried again', { attempt, cause });
      return undefined;
    }
  }
}

/** Timers take no longer ones; the poll finds what is due later. */
const timerMsMax = 2 ** 31 - 1;
