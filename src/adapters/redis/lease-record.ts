/**
 * How a lease stands in Redis: `<h or l><epoch> <firstGrantedAtMs> <resumes> <JSON of [holder, keeper, note]>`, where h
 * is held and l lingering. One string, and not a hash: a grant costs Redis 7 µs instead of 11, and a renewal compares
 * the beginning. `lease-scripts.ts` reads and writes the same.
 */
import { z } from 'zod';
import { FabricError } from '../../model/error.ts';
import type { LeaseRecord, LeaseRequest } from '../../ports/lease-store.ts';

const form = /^([hl])(\d+) (\d+) (\d+) (.*)$/s;
const words = z.tuple([z.string(), z.string(), z.string()]);

/** The part of it that the asker chooses. Half of a surrogate pair would be JSON that Lua cannot read. */
export const encodeWords = ({ holder, keeper, note }: Pick<LeaseRequest, 'holder' | 'keeper' | 'note'>): string =>
  JSON.stringify([holder.toWellFormed(), keeper.toWellFormed(), note.toWellFormed()]);

export const decodeLease = (name: string, text: string): LeaseRecord => {
  const [, state, epoch = '', firstGrantedAtMs, resumes, json = ''] = form.exec(text) ?? [];
  if (state === undefined) throw new FabricError('ERR_INTERNAL', `the lease of ${name} in Redis is not one of ours`);
  const [holder, keeper, note] = words.parse(JSON.parse(json));
  return {
    name,
    holder,
    keeper,
    note,
    state: state === 'h' ? 'held' : 'lingering',
    epoch: BigInt(epoch),
    firstGrantedAtMs: Number(firstGrantedAtMs),
    resumes: Number(resumes),
  };
};
