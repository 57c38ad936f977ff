/** Commands and replies of `kvScript` as it wants and gives them. */
import { FabricError } from '../../model/error.ts';
import type { KvCommand, KvCondition, KvRefusal, KvReply } from '../../model/kv-command.ts';
import type { RedisKeys } from './keys.ts';
import { bytesOf } from './reply.ts';

type Arguments = (string | Buffer)[];

const commandOverheadBytes = 128;

/** About what it costs to send. */
export const commandBytes = (command: KvCommand): number => {
  switch (command.kind) {
    case 'put':
      return commandOverheadBytes + command.value.byteLength + conditionBytes(command.when);
    case 'delete':
      return commandOverheadBytes + conditionBytes(command.when);
    case 'add_member':
      return commandOverheadBytes + command.member.byteLength;
    default:
      return commandOverheadBytes;
  }
};

const conditionBytes = (when: KvCondition): number => (when.is === 'equal' ? when.value.byteLength : 0);

export const commandKeys = (command: KvCommand, keys: RedisKeys, into: string[]): void => {
  const { space, key } = command.place;
  into.push(keys.values(space) + key);
  if (command.kind === 'get') return;
  into.push(keys.valueNames(space.owner, space.name));
  if (command.epoch !== undefined) into.push(keys.fence(space.owner), keys.spaces(space.owner));
};

export const commandArguments = (command: KvCommand, into: Arguments): void => {
  into.push(wordsOf(command));
  if (command.kind === 'get') return;
  if (command.epoch !== undefined) into.push(command.place.space.name);
  if (command.kind === 'put') into.push(asBuffer(command.value));
  if (command.kind === 'add_member') into.push(asBuffer(command.member));
  if ('when' in command && command.when.is === 'equal') into.push(asBuffer(command.when.value));
};

const wordsOf = (command: KvCommand): string => {
  if (command.kind === 'get') return 'get';
  const writing = `${Buffer.byteLength(command.place.key)} ${command.kind} ${command.epoch ?? '-'}`;
  switch (command.kind) {
    case 'put':
      return `${writing} ${makingWords(command)} ${command.when.is}`;
    case 'delete':
      return `${writing} - - ${command.when.is}`;
    case 'add':
      return `${writing} ${makingWords(command)} ${command.amount} ${command.atLeast ?? '-'} ${command.atMost ?? '-'}`;
    case 'add_member':
      return `${writing} ${makingWords(command)}`;
  }
};

const makingWords = ({
  ttlMs,
  keysMax,
}: {
  readonly ttlMs: number | undefined;
  readonly keysMax?: number | undefined;
}): string => `${ttlText(ttlMs) || '-'} ${keysMax ?? '-'}`;

/** Redis takes whole milliseconds above 0. */
export const ttlText = (ttlMs: number | undefined): string =>
  ttlMs === undefined ? '' : String(Math.max(1, Math.ceil(ttlMs)));

export const asBuffer = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

const refusals: ReadonlySet<string> = new Set<KvRefusal>(['fenced', 'wrong_type', 'out_of_range', 'full']);
const isRefusal = (text: string): text is KvRefusal => refusals.has(text);

/** An error where Redis refused this command by itself, such as for want of memory. */
export const decodeReply = (reply: unknown): KvReply | Error => {
  if (Buffer.isBuffer(reply)) {
    const refused = reply.toString();
    if (isRefusal(refused)) return { refused };
  }
  if (!Array.isArray(reply)) return new FabricError('ERR_INTERNAL', 'Redis answered a command with nothing known');
  const [applied, count, value]: readonly unknown[] = reply;
  if (Buffer.isBuffer(applied)) return failureOf(bytesOf(count).toString());
  return {
    refused: undefined,
    applied: applied === 1,
    count: count === null ? undefined : BigInt(bytesOf(count).toString()),
    value: value === null ? undefined : bytesOf(value),
  };
};

/** As the driver has it: `errors.ts` goes by the name and the first word. */
const failureOf = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });
