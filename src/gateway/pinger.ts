/**
 * Asks an HTTP/2 peer whether it has what was written to it: a PING sent after the bytes is answered after them. One is
 * under way at a time per connection, and not more often than every `pingEveryMs`; each answers for all who asked
 * before it was sent.
 */
import type { Http2Session } from 'node:http2';
import type { Clock } from '../ports/clock.ts';

const pingEveryMs = 20;
const isThereTimeoutMs = 2000;

export class Pinger {
  static readonly #bySession = new WeakMap<Http2Session, Pinger>();
  readonly #session: Http2Session;
  readonly #clock: Clock;
  #asked: (() => void)[] = [];
  #isAsking = false;
  #lastMs = 0;

  /** The one pinger of a connection, which all its streams share. */
  static of(session: Http2Session, clock: Clock): Pinger {
    let pinger = Pinger.#bySession.get(session);
    if (pinger === undefined) Pinger.#bySession.set(session, (pinger = new Pinger(session, clock)));
    return pinger;
  }

  private constructor(session: Http2Session, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  /** Calls `answered` once a PING sent from now on has been answered; never, if the connection ends before. */
  ask(answered: () => void): void {
    this.#asked.push(answered);
    this.#start();
  }

  isThere(): Promise<boolean> {
    if (this.#session.destroyed || this.#session.closed) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#clock.schedule(isThereTimeoutMs, () => resolve(false));
    this.ask(() => resolve(true));
    void promise.then(() => timer.cancel());
    return promise;
  }

  #start(): void {
    if (this.#isAsking || this.#asked.length === 0) return;
    this.#isAsking = true;
    const waitMs = this.#lastMs + pingEveryMs - this.#clock.monotonic();
    if (waitMs <= 0) this.#ping();
    else this.#clock.schedule(waitMs, () => this.#ping());
  }

  #ping(): void {
    const asked = this.#asked;
    this.#asked = [];
    this.#lastMs = this.#clock.monotonic();
    if (this.#session.destroyed || this.#session.closed) return;
    this.#session.ping((error) => {
      if (error !== null) return;
      this.#isAsking = false;
      for (const answered of asked) answered();
      this.#start();
    });
  }
}
