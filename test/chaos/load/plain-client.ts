/** A plain client's way from one session to the next; what all of them share. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { GatewayAddress, Place } from './place.ts';
import type { Recorder } from './recorder.ts';
import { WireSession } from './wire-session.ts';
import { within } from './within.ts';

export interface ClientOptions {
  readonly who: string;
  readonly place: Place;
  readonly recorder: Recorder;
  readonly random: Random;
  /** Aborts when the client is to stop. */
  readonly signal: AbortSignal;
}

const attemptMs = 4000;
const pauseMs = 50;

export class PlainClient {
  readonly #options: ClientOptions;
  readonly #streams = new Set<WireSession>();
  #gateway: number;
  #last: WireSession | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#gateway = options.random.between(0, options.place.gateways.length - 1);
  }

  /**
   * Tries one gateway after the other, beginning with another than the last; `undefined` once it is to stop. Resumes
   * its last session if told so.
   */
  async connect({ resume }: { readonly resume: boolean }): Promise<WireSession | undefined> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const session = this.#attempt(resume ? (this.#last?.id ?? '') : '');
      if ((await within(attemptMs, session.opened)) === true) {
        this.#last = session;
        return session;
      }
      session.giveUp();
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** Lets go of every stream that is left. */
  end(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** Says goodbye on every stream that is left; resolves when all of them have ended. */
  async leave(): Promise<void> {
    for (const stream of this.#streams) stream.halfClose();
    await Promise.all([...this.#streams].map(({ ended }) => ended));
  }

  #attempt(resumes: string): WireSession {
    const session = new WireSession({ ...this.#options, gateway: this.#nextGateway(), resumes });
    this.#streams.add(session);
    void session.ended.then(() => this.#streams.delete(session));
    return session;
  }

  #nextGateway(): GatewayAddress {
    const { gateways } = this.#options.place;
    this.#gateway = (this.#gateway + 1) % gateways.length;
    const gateway = gateways[this.#gateway];
    if (gateway === undefined) throw new RangeError('no gateway');
    return gateway;
  }
}
