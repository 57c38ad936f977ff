/**
 * Commands and replies as they travel between threads: in arrays, since of an object the name of each member is written,
 * sent and read, which costs more than what it holds.
 */
import type { KvCommand, KvCondition, KvRefusal, KvReply } from '../../model/kv-command.ts';

type Making = Exclude<KvCommand, { kind: 'get' | 'delete' }>;
type PlaceWords = readonly [owner: string, space: string, key: string];
/** The value it must be equal to, where it must. */
type ConditionWords = 'any' | 'absent' | Uint8Array;
type Maybe<Word> = Word | undefined;
type MakingWords = readonly [epoch: Maybe<bigint>, ttlMs: Maybe<number>, keysMax: Maybe<number>];

export type CommandWords =
  | readonly ['get', ...PlaceWords]
  | readonly ['put', ...PlaceWords, ...MakingWords, value: Uint8Array, when: ConditionWords]
  | readonly ['delete', ...PlaceWords, epoch: Maybe<bigint>, when: Exclude<ConditionWords, 'absent'>]
  | readonly ['add', ...PlaceWords, ...MakingWords, amount: bigint, atLeast: Maybe<bigint>, atMost: Maybe<bigint>]
  | readonly ['add_member', ...PlaceWords, ...MakingWords, member: Uint8Array];

export type ReplyWords = KvRefusal | readonly [applied: boolean, value: Maybe<Uint8Array>, count: Maybe<bigint>];

/** With bytes in memory of their own: the memory they are a piece of would go to the thread as a whole. */
export const toWords = (command: KvCommand): CommandWords => {
  const { space, key } = command.place;
  const place = [space.owner, space.name, key] as const;
  switch (command.kind) {
    case 'get':
      return ['get', ...place];
    case 'put':
      return ['put', ...place, ...makingWords(command), new Uint8Array(command.value), conditionWords(command.when)];
    case 'delete':
      return ['delete', ...place, command.epoch, conditionWords(command.when)];
    case 'add':
      return ['add', ...place, ...makingWords(command), command.amount, command.atLeast, command.atMost];
    case 'add_member':
      return ['add_member', ...place, ...makingWords(command), new Uint8Array(command.member)];
  }
};

const makingWords = ({ epoch, ttlMs, keysMax }: Making): MakingWords => [epoch, ttlMs, keysMax];

const conditionWords = <Is extends 'any' | 'absent'>(
  when: { readonly is: Is } | Extract<KvCondition, { is: 'equal' }>,
): Is | Uint8Array => ('value' in when ? new Uint8Array(when.value) : when.is);

export const fromWords = (words: CommandWords): KvCommand => {
  const place = { space: { owner: words[1], name: words[2] }, key: words[3] };
  switch (words[0]) {
    case 'get':
      return { kind: 'get', place };
    case 'put': {
      const [, , , , epoch, ttlMs, keysMax, value, when] = words;
      return { kind: 'put', place, epoch, ttlMs, keysMax, value, when: conditionOf(when) };
    }
    case 'delete':
      return { kind: 'delete', place, epoch: words[4], when: conditionOf(words[5]) };
    case 'add': {
      const [, , , , epoch, ttlMs, keysMax, amount, atLeast, atMost] = words;
      return { kind: 'add', place, epoch, ttlMs, keysMax, amount, atLeast, atMost };
    }
    case 'add_member':
      return { kind: 'add_member', place, epoch: words[4], ttlMs: words[5], keysMax: words[6], member: words[7] };
  }
};

const conditionOf = <Is extends 'any' | 'absent'>(
  words: Is | Uint8Array,
): { readonly is: Is } | Extract<KvCondition, { is: 'equal' }> =>
  typeof words === 'string' ? { is: words } : { is: 'equal', value: words };

export const toReplyWords = (reply: KvReply): ReplyWords => reply.refused ?? [reply.applied, reply.value, reply.count];

export const fromReplyWords = (words: ReplyWords): KvReply => {
  if (typeof words === 'string') return { refused: words };
  const [applied, value, count] = words;
  return { refused: undefined, applied, value, count };
};
