/**
 * Commands and replies as they travel between threads: all of a message in one flat list of words and one piece of
 * memory. Each object, list and piece of memory in a message is written, sent and read by itself, which costs more than
 * what it holds.
 */
import type { KvCommand, KvCondition, KvRefusal, KvReply } from '../../model/kv-command.ts';

type Word = string | number | bigint | boolean | undefined;

/** Commands, or replies, one after the other. */
export interface Words {
  readonly count: number;
  readonly words: readonly Word[];
  /** What the lengths among the words are of, one after the other. Is handed over with the message. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

class Writing {
  readonly #words: Word[] = [];
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  words(...words: readonly Word[]): void {
    this.#words.push(...words);
  }

  piece(piece: Uint8Array | undefined): void {
    this.#words.push(piece?.byteLength);
    if (piece === undefined) return;
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
  }

  end(count: number): Words {
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return { count, words: this.#words, bytes };
  }
}

class Reading {
  readonly #from: Words;
  #word = 0;
  #byte = 0;

  constructor(from: Words) {
    this.#from = from;
  }

  text(): string {
    const word = this.#next();
    if (typeof word !== 'string') throw new TypeError(`${typeof word} in place of a text`);
    return word;
  }

  number(): number | undefined {
    const word = this.#next();
    return typeof word === 'number' ? word : undefined;
  }

  integer(): bigint | undefined {
    const word = this.#next();
    return typeof word === 'bigint' ? word : undefined;
  }

  isTrue(): boolean {
    return this.#next() === true;
  }

  piece(): Uint8Array | undefined {
    const length = this.number();
    if (length === undefined) return undefined;
    this.#byte += length;
    return this.#from.bytes.subarray(this.#byte - length, this.#byte);
  }

  #next(): Word {
    this.#word += 1;
    return this.#from.words[this.#word - 1];
  }
}

const nothing = new Uint8Array();

export const writeCommands = (commands: readonly KvCommand[]): Words => {
  const writing = new Writing();
  for (const command of commands) writeCommand(writing, command);
  return writing.end(commands.length);
};

const writeCommand = (writing: Writing, command: KvCommand): void => {
  const { kind, place } = command;
  writing.words(kind, place.space.owner, place.space.name, place.key);
  if (kind === 'get') return;
  writing.words(command.epoch);
  if (kind === 'delete') return writeCondition(writing, command.when);
  writing.words(command.ttlMs, command.keysMax);
  switch (kind) {
    case 'put':
      writing.piece(command.value);
      return writeCondition(writing, command.when);
    case 'add':
      return writing.words(command.amount, command.atLeast, command.atMost);
    case 'add_member':
      return writing.piece(command.member);
  }
};

const writeCondition = (writing: Writing, when: KvCondition): void => {
  writing.words(when.is);
  if (when.is === 'equal') writing.piece(when.value);
};

export const readCommands = (from: Words): readonly KvCommand[] => {
  const reading = new Reading(from);
  return Array.from({ length: from.count }, () => readCommand(reading));
};

const readCommand = (reading: Reading): KvCommand => {
  const kind = reading.text();
  const place = { space: { owner: reading.text(), name: reading.text() }, key: reading.text() };
  if (kind === 'get') return { kind, place };
  const epoch = reading.integer();
  if (kind === 'delete') {
    const when = readCondition(reading);
    return { kind, place, epoch, when: when.is === 'equal' ? when : { is: 'any' } };
  }
  const making = { place, epoch, ttlMs: reading.number(), keysMax: reading.number() };
  if (kind === 'put') return { kind, ...making, value: reading.piece() ?? nothing, when: readCondition(reading) };
  if (kind === 'add_member') return { kind, ...making, member: reading.piece() ?? nothing };
  const amount = reading.integer() ?? 0n;
  return { kind: 'add', ...making, amount, atLeast: reading.integer(), atMost: reading.integer() };
};

const readCondition = (reading: Reading): KvCondition => {
  const is = reading.text();
  if (is === 'equal') return { is, value: reading.piece() ?? nothing };
  return { is: is === 'absent' ? is : 'any' };
};

export const writeReplies = (replies: readonly KvReply[]): Words => {
  const writing = new Writing();
  for (const reply of replies) {
    writing.words(reply.refused ?? '');
    if (reply.refused !== undefined) continue;
    writing.words(reply.applied, reply.count);
    writing.piece(reply.value);
  }
  return writing.end(replies.length);
};

export const readReplies = (from: Words): readonly KvReply[] => {
  const reading = new Reading(from);
  return Array.from({ length: from.count }, () => readReply(reading));
};

const readReply = (reading: Reading): KvReply => {
  const refused = refusals.get(reading.text());
  if (refused !== undefined) return { refused };
  return { refused, applied: reading.isTrue(), count: reading.integer(), value: reading.piece() };
};

const refusals: ReadonlyMap<string, KvRefusal> = new Map(
  (['fenced', 'wrong_type', 'out_of_range', 'full'] as const).map((refusal) => [refusal, refusal]),
);
