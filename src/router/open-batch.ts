import {
  groupBytes,
  hasProgress,
  hasTracked,
  messageKind,
  messageMetaBytes,
  type ProgressAudience,
  possibleDuplicate,
  prefixBytes,
  progressKind,
  progressMetaBytes,
  sourceBytes,
  type Tracked,
  trackedKind,
  trackedMetaBytes,
  version,
} from './batch-format.ts';
import { bytesOf, type OutgoingFrame } from './outgoing-frame.ts';
import { hashOf } from './partition.ts';

/** From here on a frame is handed to the log where it lies instead of being copied behind the head. */
const copyBytesMax = 16 * 1024;

/** Who sent a record, as the gateway knows it (I7). One object per session: batches tell senders apart by reference. */
export interface Sender {
  /** The sender's own topic; empty where it has none. */
  readonly source: string;
  /** The epoch of its lease. */
  readonly epoch: bigint;
}

export interface OutgoingRecord extends OutgoingFrame {
  readonly topic: string;
  readonly sender: Sender;
  /** Set on progress updates. */
  readonly audience: ProgressAudience | undefined;
  /** Set where its sender has named it, or it expires. */
  readonly tracked?: Tracked | undefined;
}

/** Made with its first record: where messages are spread over many topics most have no second one. */
class Group {
  readonly topic: string;
  readonly topicBytes: number;
  readonly added: OutgoingRecord[];
  records: number;
  frameBytes: number;
  metaBytes: number;
  traits: number;

  constructor(first: OutgoingRecord) {
    this.topic = first.topic;
    this.topicBytes = Buffer.byteLength(first.topic);
    // An array that is pushed to has room for 17.
    this.added = [first];
    this.records = first.records ?? 1;
    this.frameBytes = bytesOf(first);
    this.metaBytes = metaBytesOf(first);
    this.traits = traitsOf(first);
  }

  add(record: OutgoingRecord): void {
    this.added.push(record);
    this.records += record.records ?? 1;
    this.frameBytes += bytesOf(record);
    this.metaBytes += metaBytesOf(record);
    this.traits |= traitsOf(record);
  }
}

const traitsOf = ({ audience, tracked }: OutgoingRecord): number => {
  if (audience !== undefined) return hasProgress;
  return tracked === undefined ? 0 : hasTracked;
};

const metaBytesOf = ({ audience, tracked, sender, records = 1 }: OutgoingRecord): number => {
  if (audience !== undefined) return progressMetaBytes + Buffer.byteLength(audience.recipient);
  if (tracked === undefined) return messageMetaBytes * records;
  return trackedMetaBytes + Buffer.byteLength(tracked.id) + Buffer.byteLength(ownerText(tracked, sender));
};

/** Mostly the owner is the source, which is there already. */
const ownerText = ({ owner }: Tracked, { source }: Sender): string => (owner === source ? '' : owner);

/** A batch that still takes records. */
export class OpenBatch {
  readonly #groups = new Map<string, Group>();
  readonly #senders = new Map<Sender, number>();
  #records = 0;
  #bytes = 0;

  /** Bytes of all frames so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#records;
  }

  add(record: OutgoingRecord): void {
    const group = this.#groups.get(record.topic);
    if (group === undefined) this.#groups.set(record.topic, new Group(record));
    else group.add(record);
    if (!this.#senders.has(record.sender)) this.#senders.set(record.sender, this.#senders.size);
    this.#records += record.records ?? 1;
    this.#bytes += bytesOf(record);
  }

  /** The parts of the log entry, to be written one after the other. */
  close(nowMs: number): readonly Uint8Array[] {
    const groups = [...this.#groups.values()];
    const large = groups.some((group) => group.added.some(isLarge));
    const head = this.#headBytes(groups);
    const out = Buffer.allocUnsafe(large ? head : head + this.#bytes);
    this.#writeHead(out, groups, { head, nowMs });
    if (large) return gather(out, groups);
    writeFrames(out, groups, head);
    return [out];
  }

  #headBytes(groups: readonly Group[]): number {
    let bytes = prefixBytes;
    for (const { source } of this.#senders.keys()) bytes += sourceBytes + Buffer.byteLength(source);
    for (const group of groups) bytes += groupBytes + group.topicBytes + group.metaBytes;
    return bytes;
  }

  #writeHead(out: Buffer, groups: readonly Group[], { head, nowMs }: { head: number; nowMs: number }): void {
    out[0] = version;
    out[1] = 0;
    out.writeUInt32BE(head, 2);
    out.writeDoubleBE(nowMs, 6);
    out.writeUInt16BE(this.#senders.size, 14);
    out.writeUInt16BE(groups.length, 16);
    out.writeUInt32BE(this.#records, 18);
    let at = prefixBytes;
    for (const sender of this.#senders.keys()) at = writeSender(out, at, sender);
    for (const group of groups) at = writeGroup(out, at, group);
    for (const { added } of groups)
      for (const record of added) at = writeMeta(out, at, { record, sender: this.#senders.get(record.sender) ?? 0 });
  }
}

const writeSender = (out: Buffer, at: number, { source, epoch }: Sender): number => {
  out.writeBigUInt64BE(epoch, at);
  const bytes = out.write(source, at + sourceBytes);
  out.writeUInt16BE(bytes, at + 8);
  return at + sourceBytes + bytes;
};

const writeGroup = (out: Buffer, at: number, group: Group): number => {
  out.writeUInt32BE(hashOf(group.topic), at);
  out[at + 4] = group.traits;
  out.writeUInt32BE(group.records, at + 5);
  out.writeUInt32BE(group.metaBytes, at + 9);
  out.writeUInt32BE(group.frameBytes, at + 13);
  out.writeUInt16BE(group.topicBytes, at + 17);
  out.write(group.topic, at + groupBytes);
  return at + groupBytes + group.topicBytes;
};

const writeMeta = (out: Buffer, at: number, { record, sender }: { record: OutgoingRecord; sender: number }): number => {
  const { audience, tracked, records = 1 } = record;
  if (records > 1) return writePlainMetas(out, at, { records, sender });
  out.writeUInt16BE(sender, at);
  if (audience !== undefined) {
    out[at + 2] = progressKind;
    const bytes = out.write(audience.recipient, at + progressMetaBytes);
    out.writeUInt16BE(bytes, at + messageMetaBytes);
    return at + progressMetaBytes + bytes;
  }
  out[at + 2] = tracked === undefined ? messageKind : trackedKind;
  return tracked === undefined ? at + messageMetaBytes : writeTracked(out, at + messageMetaBytes, record, tracked);
};

const writePlainMetas = (
  out: Buffer,
  start: number,
  { records, sender }: { records: number; sender: number },
): number => {
  const end = start + records * messageMetaBytes;
  for (let at = start; at < end; at += messageMetaBytes) {
    out.writeUInt16BE(sender, at);
    out[at + 2] = messageKind;
  }
  return end;
};

const writeTracked = (out: Buffer, at: number, { sender }: OutgoingRecord, tracked: Tracked): number => {
  out[at] = tracked.isPossibleDuplicate ? possibleDuplicate : 0;
  out.writeDoubleBE(tracked.expiresAtMs, at + 1);
  const idBytes = out.write(tracked.id, at + 10);
  out[at + 9] = idBytes;
  const ownerAt = at + 10 + idBytes;
  const ownerBytes = out.write(ownerText(tracked, sender), ownerAt + 2);
  out.writeUInt16BE(ownerBytes, ownerAt);
  return ownerAt + 2 + ownerBytes;
};

const writeFrames = (out: Buffer, groups: readonly Group[], start: number): void => {
  let at = start;
  for (const { added } of groups)
    for (const { frame } of added) {
      out.set(frame, at);
      at += frame.byteLength;
    }
};

const isLarge = ({ frame, rest }: OutgoingRecord): boolean => rest !== undefined || frame.byteLength >= copyBytesMax;

const piecesOf = function* (groups: readonly Group[]): Generator<Uint8Array> {
  for (const { added } of groups)
    for (const { frame, rest } of added) {
      yield frame;
      if (rest !== undefined) yield* rest;
    }
};

/** Head and frames with the large pieces where they lie and the small ones between them copied together. */
const gather = (head: Buffer, groups: readonly Group[]): readonly Uint8Array[] => {
  const parts: Uint8Array[] = [];
  let small: Uint8Array[] = [head];
  const flush = (): void => {
    if (small.length > 0) parts.push(Buffer.concat(small));
    small = [];
  };
  for (const piece of piecesOf(groups)) {
    if (piece.byteLength < copyBytesMax) small.push(piece);
    else {
      flush();
      parts.push(piece);
    }
  }
  flush();
  return parts;
};
