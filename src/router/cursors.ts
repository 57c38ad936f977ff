/**
 * Moves cursors in the background: recipients whose peers confirmed something are gathered and committed together, one
 * call under way at a time. A commit that fails is tried again with whatever the cursors are by then; until then only
 * repeated deliveries are at stake, no loss (I6). No place is stored before the receipts of what lies behind it are: a
 * message that does not come again has nobody else to tell how far it came.
 */

import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { CursorCommit, CursorStore } from '../ports/cursor-store.ts';
import type { Log } from '../ports/log.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { Recipient } from './recipient.ts';

interface CursorsDeps {
  readonly cursorStore: CursorStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly receipts: Pick<Receipts, 'stored'>;
}

const commitEveryMs = 50;
const retryAfterMs = 1000;
const commitsPerCallMax = 200;

export class Cursors implements AsyncDisposable {
  readonly #deps: CursorsDeps;
  readonly #closing = new AbortController();
  readonly #dirty = new Set<Recipient>();
  /** Of recipients that are closing, with whoever waits for each. */
  readonly #final: CursorCommit[] = [];
  readonly #waiters: ((isStored: boolean) => void)[] = [];
  #hurry: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: CursorsDeps) {
    this.#deps = deps;
  }

  readonly touch = (recipient: Recipient): void => {
    this.#dirty.add(recipient);
    this.#running ??= this.#run();
  };

  /** Commits where the recipient is now; resolves with whether that is stored: it may be refused, or fail once. */
  settle(recipient: Recipient): Promise<boolean> {
    const commit = toCommit(recipient);
    this.#dirty.delete(recipient);
    if (commit.positions.size === 0) return Promise.resolve(true);
    this.#final.push(commit);
    const stored = Promise.withResolvers<boolean>();
    this.#waiters.push(stored.resolve);
    this.#running ??= this.#run();
    this.#hurry?.();
    return stored.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#hurry?.();
    await this.#running;
    while (this.#dirty.size + this.#final.length > 0 && (await this.#commitAll())) continue;
  }

  async #run(): Promise<void> {
    let pauseMs = commitEveryMs;
    while (this.#dirty.size + this.#final.length > 0 && !this.#closing.signal.aborted) {
      if (this.#final.length === 0) await this.#pause(pauseMs);
      pauseMs = (await this.#commitAll()) ? commitEveryMs : retryAfterMs;
    }
    this.#running = undefined;
  }

  /** Sleeps, but not once somebody waits for a last commit. */
  async #pause(ms: number): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#hurry = woken.resolve;
    const timer = this.#deps.clock.schedule(ms, woken.resolve);
    await woken.promise;
    timer.cancel();
    this.#hurry = undefined;
  }

  async #commitAll(): Promise<boolean> {
    const recipients = [...this.#dirty].slice(0, commitsPerCallMax);
    for (const recipient of recipients) this.#dirty.delete(recipient);
    const final = this.#final.splice(0, commitsPerCallMax);
    const waiters = this.#waiters.splice(0, final.length);
    let fenced: ReadonlySet<string> | undefined;
    try {
      const asked = [...final, ...recipients.map(toCommit)];
      await this.#untilTold();
      const refused = new Set(await this.#deps.cursorStore.commit(asked));
      fenced = refused;
      for (const recipient of recipients.filter(({ identity }) => refused.has(identity))) {
        if (mayBeMeantForAnother(recipient, asked)) this.#dirty.add(recipient);
        else recipient.onFenced();
      }
      return true;
    } catch (cause) {
      this.#deps.log.warn('cursors could not be stored, will be tried again', { recipients: recipients.length, cause });
      for (const recipient of recipients) this.#dirty.add(recipient);
      return false;
    } finally {
      for (const [index, resolve] of waiters.entries()) {
        const owner = final[index]?.owner;
        resolve(owner !== undefined && fenced?.has(owner) === false);
      }
    }
  }

  async #untilTold(): Promise<void> {
    if (await this.#deps.receipts.stored()) return;
    throw new FabricError('STORE_UNAVAILABLE', 'receipts of what is behind the cursors could not be stored');
  }
}

/** A refusal names the owner only. Where a predecessor on this gateway asked in the same call, the next commit tells. */
const mayBeMeantForAnother = ({ identity, epoch }: Recipient, asked: readonly CursorCommit[]): boolean =>
  asked.some((commit) => commit.owner === identity && commit.epoch < epoch) &&
  asked.every((commit) => commit.owner !== identity || commit.epoch <= epoch);

const toCommit = (recipient: Recipient): CursorCommit => ({
  owner: recipient.identity,
  epoch: recipient.epoch,
  positions: recipient.cursors(),
});
