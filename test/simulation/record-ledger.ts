/** What the log holds: accepted in whose name (I2, I7), one session after the other (I1), and in the end delivered (I4). */
import type { Ledger } from './ledger.ts';
import { keyOf, type Tag } from './tag.ts';

export interface StoredRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly source: string;
  readonly epoch: bigint;
  readonly tag: Tag;
}

type Known = StoredRecord & { readonly key: string };

export class RecordLedger {
  readonly #ledger: Ledger;
  readonly #byKey = new Map<string, StoredRecord>();
  /** The newest epoch of each source in each partition. */
  readonly #newest = new Map<string, bigint>();
  readonly #byTopic = new Map<string, Known[]>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** In the order of the log. */
  on(topic: string): readonly Known[] {
    return this.#byTopic.get(topic) ?? [];
  }

  /** Where a message is first. */
  find(key: string): StoredRecord | undefined {
    return this.#byKey.get(key);
  }

  stored(record: StoredRecord): void {
    const known = { ...record, key: keyOf(record.tag) };
    if (!this.#byKey.has(known.key)) this.#byKey.set(known.key, known);
    const records = this.#byTopic.get(record.topic);
    if (records === undefined) this.#byTopic.set(record.topic, [known]);
    else records.push(known);
    this.#ledger.say(`holds ${known.key} at ${record.offset}:${record.index}`);
    this.#judge(known);
  }

  /** Messages in the log that their recipients never got. */
  undelivered(): Known[] {
    return [...this.#byTopic.values()]
      .flat()
      .filter(({ topic, tag }) => topic.startsWith('ag::') && !this.#ledger.hasReceived(tag.to, tag));
  }

  #judge({ key, source, epoch, tag, partition }: Known): void {
    const writer = `${source} in ${partition}`;
    const newest = this.#newest.get(writer) ?? 0n;
    if (epoch < newest) this.#ledger.breach('I1', `${key} under ${epoch} lies behind what came under ${newest}`, [key]);
    else this.#newest.set(writer, epoch);
    if (source !== tag.from) this.#ledger.breach('I7', `${key} is stored as from ${source}`, [key]);
    const takenAtMs = this.#ledger.takenAtMs(tag);
    const deadline = this.#ledger.leases.deadlineOf(source, epoch);
    if (takenAtMs === undefined || deadline === undefined || takenAtMs <= deadline.atMs) return;
    const late = `${Math.round(takenAtMs - deadline.atMs)} ms after it had to end: ${deadline.why}`;
    this.#ledger.breach('I2', `${key} was accepted under ${epoch} ${late}`, [key, source]);
  }
}
