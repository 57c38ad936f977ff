/** Cursors as they are stored: who may move them (I3), and that none is ahead of what its recipient has (I6). */
import type { CursorCommit, Position } from '../../src/ports/cursor-store.ts';
import type { Ledger } from './ledger.ts';

export class PlaceLedger {
  readonly #ledger: Ledger;
  /** The newest epoch that opened each owner's cursors. */
  readonly #opened = new Map<string, bigint>();
  /** By `owner epoch`: the place on its own topic that was stored when the session began. */
  readonly #starts = new Map<string, Position>();
  readonly #places = new Map<string, Position>();
  /** By `owner topic`: records up to here are known to have arrived. */
  readonly #verified = new Map<string, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  wiped(): void {
    this.#opened.clear();
    this.#places.clear();
  }

  opened(owner: string, epoch: bigint): void {
    const newest = this.#opened.get(owner) ?? 0n;
    if (newest > epoch) this.#fencing(owner, `cursors opened under ${epoch} after ${newest}`);
    else this.#opened.set(owner, epoch);
    const place = this.placeOf(owner, owner);
    if (place !== undefined) this.#starts.set(`${owner} ${epoch}`, place);
  }

  /** A session got a message of its own topic: one before the place it began at is not to come again. */
  delivered(owner: string, epoch: bigint, key: string): void {
    const start = this.#starts.get(`${owner} ${epoch}`);
    const record = start === undefined ? undefined : this.#ledger.records.find(key);
    if (start === undefined || record === undefined || !isBefore(record, start)) return;
    this.#ledger.breach('I6', `${owner} got ${key} again, which lies before its stored place`, [key, owner]);
  }

  answered(owner: string, epoch: bigint): void {
    const newest = this.#opened.get(owner) ?? 0n;
    if (newest > epoch) this.#fencing(owner, `cursors moved under ${epoch} after ${newest} had opened them`);
  }

  stored({ owner, epoch, positions }: CursorCommit): void {
    for (const [topic, position] of positions) {
      if (topic === owner)
        this.#ledger.say(`has ${owner} at ${position.offset}:${position.index} under ${epoch % 1_000_000n}`);
      this.#places.set(`${owner} ${topic}`, position);
      this.#verify(owner, topic, position);
    }
  }

  placeOf(owner: string, topic: string): Position | undefined {
    return this.#places.get(`${owner} ${topic}`);
  }

  #verify(owner: string, topic: string, position: Position): void {
    const records = this.#ledger.records.on(topic);
    const key = `${owner} ${topic}`;
    let next = this.#verified.get(key) ?? 0;
    for (let record = records[next]; record !== undefined && isBefore(record, position); record = records[next]) {
      if (!this.#ledger.hasReceived(owner, record.tag))
        this.#ledger.breach('I6', `cursor of ${owner} is beyond ${record.key}, which it never got`, [record.key]);
      next += 1;
    }
    this.#verified.set(key, next);
  }

  #fencing(owner: string, what: string): void {
    this.#ledger.breach('I3', `${what}: ${owner}`, [owner]);
  }
}

export const isBefore = (
  { offset, index }: { readonly offset: number; readonly index: number },
  position: Position,
): boolean => BigInt(offset) < position.offset || (BigInt(offset) === position.offset && index < position.index);
