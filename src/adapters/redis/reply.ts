/** What scripts and commands answered, checked: a reply of another shape is a defect and not data. */
import { FabricError } from '../../model/error.ts';

const unexpected = (wanted: string, reply: unknown): FabricError =>
  new FabricError('ERR_INTERNAL', `Redis answered ${typeof reply} where ${wanted} was due`);

export const listOf = (reply: unknown): readonly unknown[] => {
  if (!Array.isArray(reply)) throw unexpected('a list', reply);
  return reply;
};

export const textOf = (reply: unknown): string => {
  if (typeof reply !== 'string') throw unexpected('text', reply);
  return reply;
};

export const integerOf = (reply: unknown): number => {
  if (typeof reply !== 'number') throw unexpected('a number', reply);
  return reply;
};

export const bytesOf = (reply: unknown): Buffer => {
  if (!Buffer.isBuffer(reply)) throw unexpected('bytes', reply);
  return reply;
};
