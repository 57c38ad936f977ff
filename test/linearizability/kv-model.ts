import type { KvCommand, KvReply } from '../../src/model/kv-command.ts';
import { type KvState, kvStep } from '../../src/model/kv-rules.ts';
import type { Model } from './checker.ts';

const texts = (reply: KvReply): string => JSON.stringify(reply, (_, value) => plain(value));
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : bufferText(value);
};
/** A Buffer has been made JSON of before a replacer sees it. */
const bufferText = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'type' in value && 'data' in value && Array.isArray(value.data)
    ? Buffer.from(value.data as number[]).toString('latin1')
    : value;

/** One key without sets and without TTLs, by the rules themselves. */
export const kvModel: Model<KvState | undefined, KvCommand, KvReply> = {
  initial: undefined,
  step: (state, command, reply) => {
    const next = kvStep(state, command, { nowMs: 0, holdsMember: false, isFull: false });
    return reply === undefined || texts(next.reply) === texts(reply) ? [next.state] : [];
  },
  keyOf: (state) => (state?.kind === 'value' ? `=${Buffer.from(state.value).toString('latin1')}` : '-'),
};
