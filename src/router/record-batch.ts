/**
 * Reading of log entries. One entry is a batch: records of many senders and topics, closed together so that every
 * per-entry cost of client and broker is shared (D2). Records are grouped by topic, in the order they came within each.
 * The frames of a group lie next to each other exactly as they will be written to a recipient, so that delivering a
 * group is one slice and no copy. `open-batch.ts` writes what this file reads.
 */
import {
  groupBytes,
  messageMetaBytes,
  type ProgressAudience,
  possibleDuplicate,
  prefixBytes,
  progressKind,
  progressMetaBytes,
  sourceBytes,
  type Tracked,
  trackedKind,
  version,
} from './batch-format.ts';

/** What one record says beside its frame. */
export interface RecordMeta {
  readonly source: string;
  readonly epoch: bigint;
  readonly audience: ProgressAudience | undefined;
  readonly tracked: Tracked | undefined;
}

/** The records of one topic in a batch. */
export class RecordGroup {
  readonly hash: number;
  readonly records: number;
  /** Whether some of its records have to be looked at one by one: see `hasProgress` and `hasTracked`. */
  readonly traits: number;
  /** Index of its first record within the batch. */
  readonly first: number;
  readonly #batch: RecordBatch;
  readonly #headStart: number;
  /** From where the batch's metas start. */
  readonly #metaOffset: number;
  readonly #framesStart: number;
  readonly #framesEnd: number;
  #topic: string | undefined;

  constructor(batch: RecordBatch, { headStart, first, metaOffset, framesStart }: GroupPlace) {
    const { bytes } = batch;
    this.#batch = batch;
    this.#headStart = headStart;
    this.#metaOffset = metaOffset;
    this.#framesStart = framesStart;
    this.#framesEnd = framesStart + bytes.readUInt32BE(headStart + 13);
    this.hash = bytes.readUInt32BE(headStart);
    this.traits = bytes.readUInt8(headStart + 4);
    this.records = bytes.readUInt32BE(headStart + 5);
    this.first = first;
  }

  /** Where the next group is. */
  get next(): GroupPlace {
    const { bytes } = this.#batch;
    return {
      headStart: this.#topicStart + bytes.readUInt16BE(this.#headStart + 17),
      first: this.first + this.records,
      metaOffset: this.#metaOffset + bytes.readUInt32BE(this.#headStart + 9),
      framesStart: this.#framesEnd,
    };
  }

  get topic(): string {
    this.#topic ??= this.#batch.bytes.toString('utf8', this.#topicStart, this.next.headStart);
    return this.#topic;
  }

  get #topicStart(): number {
    return this.#headStart + groupBytes;
  }

  /** The frames of its records from `index` (within the group) on, as they will be written. */
  framesFrom(index: number): Uint8Array {
    return this.#batch.bytes.subarray(this.#skip(index), this.#framesEnd);
  }

  frame(index: number): Uint8Array {
    return this.frames(index, index + 1);
  }

  /** The frames of its records from one index to before another. */
  frames(from: number, to: number): Uint8Array {
    const start = this.#skip(from);
    let end = start;
    for (let index = from; index < to; index += 1) end += frameBytesAt(this.#batch.bytes, end);
    return this.#batch.bytes.subarray(start, end);
  }

  metas(): readonly RecordMeta[] {
    const { bytes } = this.#batch;
    const metas: RecordMeta[] = [];
    const sources = new Map<number, { source: string; epoch: bigint }>();
    for (let at = this.#batch.metaStart + this.#metaOffset; metas.length < this.records; ) {
      const index = bytes.readUInt16BE(at);
      let source = sources.get(index);
      if (source === undefined) sources.set(index, (source = this.#batch.source(index)));
      const { audience, tracked, end } = readMeta(bytes, at, source.source);
      metas.push({ ...source, audience, tracked });
      at = end;
    }
    return metas;
  }

  #skip(index: number): number {
    let at = this.#framesStart;
    for (let skipped = 0; skipped < index; skipped += 1) at += frameBytesAt(this.#batch.bytes, at);
    return at;
  }
}

type ReadMeta = Pick<RecordMeta, 'audience' | 'tracked'> & { readonly end: number };

const readMeta = (bytes: Buffer, at: number, source: string): ReadMeta => {
  const kind = bytes[at + 2];
  if (kind === trackedKind) return readTracked(bytes, at + messageMetaBytes, source);
  if (kind !== progressKind) return { audience: undefined, tracked: undefined, end: at + messageMetaBytes };
  const start = at + progressMetaBytes;
  const end = start + bytes.readUInt16BE(at + messageMetaBytes);
  return { audience: { recipient: bytes.toString('utf8', start, end) }, tracked: undefined, end };
};

const readTracked = (bytes: Buffer, at: number, source: string): ReadMeta => {
  const idEnd = at + 10 + bytes.readUInt8(at + 9);
  const end = idEnd + 2 + bytes.readUInt16BE(idEnd);
  const tracked = {
    owner: end === idEnd + 2 ? source : bytes.toString('utf8', idEnd + 2, end),
    id: bytes.toString('utf8', at + 10, idEnd),
    expiresAtMs: bytes.readDoubleBE(at + 1),
    isPossibleDuplicate: (bytes.readUInt8(at) & possibleDuplicate) !== 0,
  };
  return { audience: undefined, tracked, end };
};

interface GroupPlace {
  readonly headStart: number;
  readonly first: number;
  readonly metaOffset: number;
  readonly framesStart: number;
}

/** A gRPC frame: a flag, the length, the message. */
const frameBytesAt = (bytes: Buffer, at: number): number => 5 + bytes.readUInt32BE(at + 1);

/** A closed batch, read where it lies. */
export class RecordBatch {
  readonly bytes: Buffer;
  readonly closedAtMs: number;
  readonly records: number;
  readonly groups: readonly RecordGroup[];
  /** Where the heads of the groups end. */
  readonly metaStart: number;

  /** Throws a `RangeError` where the bytes are no batch of a version this program knows. */
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.bytes[0] !== version) throw new RangeError(`record batch of unknown version ${this.bytes[0]}`);
    this.closedAtMs = this.bytes.readDoubleBE(6);
    this.records = this.bytes.readUInt32BE(18);
    const groups: RecordGroup[] = [];
    let place = { headStart: this.#endOfSources(), first: 0, metaOffset: 0, framesStart: this.bytes.readUInt32BE(2) };
    for (let left = this.bytes.readUInt16BE(16); left > 0; left -= 1) {
      const group = new RecordGroup(this, place);
      groups.push(group);
      place = group.next;
    }
    if (place.framesStart !== this.bytes.byteLength) throw new RangeError('record batch is cut short');
    this.groups = groups;
    this.metaStart = place.headStart;
  }

  source(index: number): { source: string; epoch: bigint } {
    let at = prefixBytes;
    for (let skipped = 0; skipped < index; skipped += 1) at += sourceBytes + this.bytes.readUInt16BE(at + 8);
    const start = at + sourceBytes;
    return {
      epoch: this.bytes.readBigUInt64BE(at),
      source: this.bytes.toString('utf8', start, start + this.bytes.readUInt16BE(at + 8)),
    };
  }

  #endOfSources(): number {
    let at = prefixBytes;
    for (let left = this.bytes.readUInt16BE(14); left > 0; left -= 1)
      at += sourceBytes + this.bytes.readUInt16BE(at + 8);
    return at;
  }
}
