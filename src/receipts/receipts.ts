/**
 * The door of receipts: how far the messages have come that their senders have named. The store is the truth. Steps are
 * gathered and written many at a time, and only what is written is told: to the sender's session here, and by hint to
 * other gateways, where a lost one only delays what the sender learns when it asks.
 */
import { expiriesPerCallMax, expiryGraceMs, receiptsPendingMax, receiptsPerCallMax } from '../model/limits.ts';
import { expiredAt, type Receipt, type ReceiptStep, receiptRanks } from '../model/receipt.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Clock } from '../ports/clock.ts';
import type { Hint, Hints } from '../ports/hints.ts';
import type { Log } from '../ports/log.ts';
import type { Claim, ReceiptStore } from '../ports/receipt-store.ts';

export interface ReceiptsDeps {
  readonly receiptStore: ReceiptStore;
  readonly hints: Hints;
  readonly clock: Clock;
  readonly log: Log;
}

export type ReceiptListener = (receipts: readonly Receipt[]) => void;

const retryAfterMs = 500;
/** Messages whose time is over are looked for so often. */
const expireEveryMs = 1000;
/** A hint travels as one message of the carrier. */
const stepsPerHintMax = 200;

export class Receipts implements AsyncDisposable {
  readonly #deps: ReceiptsDeps;
  readonly #closing = new AbortController();
  readonly #expiring: Promise<void>;
  /** By owner: the sessions of senders on this gateway. */
  readonly #listeners = new Map<string, ReceiptListener>();
  /** Not written yet, by owner and id: the highest step of each. */
  #pending = new Map<string, ReceiptStep>();
  /** Being written. */
  #writing = new Map<string, ReceiptStep>();
  #running: Promise<void> | undefined;
  #attempt = Promise.withResolvers<void>();
  #room: PromiseWithResolvers<void> | undefined;
  /** Steps that have ever joined those that wait, and those that have left them again, first in, first out. */
  #joined = 0;
  #left = 0;
  /** Those who wait until so many have left. */
  #awaiting: { readonly left: number; readonly resolve: (areStored: boolean) => void }[] = [];

  static async open(deps: ReceiptsDeps): Promise<Receipts> {
    const receipts = new Receipts(deps);
    await deps.hints.subscribe((hint) => receipts.#hear(hint), { signal: receipts.#closing.signal });
    return receipts;
  }

  private constructor(deps: ReceiptsDeps) {
    this.#deps = deps;
    const { clock, log } = deps;
    const onFailure = (cause: unknown): void => log.warn('receipts could not be made expired', { cause });
    this.#expiring = untilAborted({ clock, signal: this.#closing.signal, pauseMs: expireEveryMs, onFailure }, () =>
      this.#expire(),
    );
  }

  claim(owner: string, ids: readonly string[], epoch: bigint): Promise<readonly Claim[]> {
    return this.#deps.receiptStore.claim(owner, ids, { epoch, nowMs: this.#deps.clock.now() });
  }

  /** What is known here counts even before it is written, where it is more, and so does the time. */
  async get(owner: string, ids: readonly string[]): Promise<readonly (Receipt | undefined)[]> {
    const stored = await this.#deps.receiptStore.get(owner, ids);
    return ids.map((id, index) => this.#aged(higherOf(this.#unwritten(keyOf(owner, id)), stored[index])));
  }

  #aged(receipt: Receipt | undefined): Receipt | undefined {
    if (receipt?.expiresAtMs === undefined) return receipt;
    const isOver = this.#deps.clock.now() >= receipt.expiresAtMs + expiryGraceMs;
    return isOver ? expiredAt(receipt.id, receipt.expiresAtMs) : receipt;
  }

  /** Moves a receipt up, soon. */
  advance(step: ReceiptStep): void {
    const key = keyOf(step.owner, step.id);
    if ((this.#pending.get(key)?.rank ?? -1) >= step.rank) return;
    if (!this.#pending.has(key)) this.#joined += 1;
    this.#pending.set(key, step);
    if (this.#pending.size >= receiptsPendingMax) this.#room ??= Promise.withResolvers();
    this.#running ??= this.#run();
  }

  /** Set while more steps wait than should: those who can wait with making more. */
  get room(): Promise<void> | undefined {
    return this.#room?.promise;
  }

  /** Resolves when the steps so far are written, or could not be at the first attempt. */
  async attempted(): Promise<void> {
    if (this.#running === undefined) return;
    await this.#attempt.promise;
    if (this.#pending.size > 0) await this.#attempt.promise;
  }

  /**
   * Resolves with true once the steps so far are stored, with false when some of them could not be for now. Whatever
   * makes a message not come again waits for this: what is not told by then would never be.
   */
  stored(): Promise<boolean> {
    if (this.#joined === this.#left) return Promise.resolve(true);
    if (this.#closing.signal.aborted) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#awaiting.push({ left: this.#joined, resolve });
    return promise;
  }

  /** Tells the listener of the owner's receipts from now on. One for an owner: a newer session takes over. */
  listen(owner: string, listener: ReceiptListener): Disposable {
    this.#listeners.set(owner, listener);
    return {
      [Symbol.dispose]: () => {
        if (this.#listeners.get(owner) === listener) this.#listeners.delete(owner);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attempted();
    this.#closing.abort();
    await Promise.all([this.#running, this.#expiring]);
  }

  #unwritten(key: string): Receipt | undefined {
    return higherOf(this.#pending.get(key), this.#writing.get(key));
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#closing;
    while (this.#pending.size > 0 && !signal.aborted) {
      await this.#endOfTurn();
      if (!(await this.#write())) await clock.sleep(retryAfterMs, { signal }).catch(() => undefined);
    }
    this.#running = undefined;
    this.#answer(() => true, this.#joined === this.#left);
  }

  /** What could not be written goes behind what waits by now. */
  #wait(steps: ReadonlyMap<string, ReceiptStep>): void {
    this.#left += steps.size;
    this.#writing = new Map();
    for (const [key, step] of steps) {
      const waiting = this.#pending.get(key);
      if (waiting === undefined) this.#joined += 1;
      else if (waiting.rank >= step.rank) continue;
      this.#pending.set(key, step);
    }
  }

  #answer(whom: (left: number) => boolean, areStored: boolean): void {
    const answered = this.#awaiting.filter(({ left }) => whom(left));
    if (answered.length === 0) return;
    this.#awaiting = this.#awaiting.filter(({ left }) => !whom(left));
    for (const { resolve } of answered) resolve(areStored);
  }

  /**
   * A message nobody comes for is never read, so its end is not seen where it would be delivered. Every gateway looks,
   * and what one of them finds no other does.
   */
  async #expire(): Promise<void> {
    const { receiptStore, clock } = this.#deps;
    for (;;) {
      const steps = await receiptStore.expire(clock.now() - expiryGraceMs, expiriesPerCallMax);
      this.#tell(steps);
      if (steps.length < expiriesPerCallMax || this.#closing.signal.aborted) return;
    }
  }

  #endOfTurn(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.#deps.clock.schedule(0, ended.resolve);
    return ended.promise;
  }

  async #write(): Promise<boolean> {
    const steps = this.#take();
    try {
      await this.#deps.receiptStore.advance(steps);
      this.#writing = new Map();
      this.#left += steps.length;
      this.#tell(steps);
      this.#answer((left) => left <= this.#left, true);
      return true;
    } catch (cause) {
      this.#deps.log.warn('receipts could not be stored, will be tried again', { receipts: steps.length, cause });
      this.#wait(this.#writing);
      this.#answer(() => true, false);
      return false;
    } finally {
      this.#attempt.resolve();
      this.#attempt = Promise.withResolvers();
      if (this.#pending.size < receiptsPendingMax / 2) {
        this.#room?.resolve();
        this.#room = undefined;
      }
    }
  }

  #take(): readonly ReceiptStep[] {
    this.#writing = new Map();
    for (const [key, step] of this.#pending) {
      if (this.#writing.size === receiptsPerCallMax) break;
      this.#writing.set(key, step);
      this.#pending.delete(key);
    }
    return [...this.#writing.values()];
  }

  /** Hints are for gateways whose sessions these are; a sender without a session anywhere will ask. */
  #tell(steps: readonly ReceiptStep[]): void {
    const elsewhere = this.#tellHere(steps);
    for (let from = 0; from < elsewhere.length; from += stepsPerHintMax)
      this.#deps.hints.publish({ kind: 'receipts', steps: elsewhere.slice(from, from + stepsPerHintMax) });
  }

  #hear(hint: Hint): void {
    if (hint.kind === 'receipts') this.#tellHere(hint.steps);
  }

  /** Answers with those of nobody here. */
  #tellHere(steps: readonly ReceiptStep[]): readonly ReceiptStep[] {
    const byOwner = Map.groupBy(steps, ({ owner }) => owner);
    const elsewhere: ReceiptStep[] = [];
    for (const [owner, own] of byOwner) {
      const listener = this.#listeners.get(owner);
      if (listener === undefined) elsewhere.push(...own);
      else listener(own);
    }
    return elsewhere;
  }
}

const higherOf = (one: Receipt | undefined, other: Receipt | undefined): Receipt | undefined => {
  if (one === undefined || other === undefined) return one ?? other;
  return receiptRanks[other.state] > receiptRanks[one.state] ? other : one;
};

const keyOf = (owner: string, id: string): string => `${owner} ${id}`;
