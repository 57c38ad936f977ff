/** What stores write behind a position: `;<offsets on>.<index>.<attempts>,…`, or nothing where nothing is ahead. */
import type { Ahead, Position } from '../ports/cursor-store.ts';

export const aheadText = ({ offset, ahead = [] }: Position): string =>
  ahead.length === 0 ? '' : `;${ahead.map((one) => `${one.offset - offset}.${one.index}.${one.attempts}`).join(',')}`;

/** `text` is what is behind the position, with its mark, or nothing. */
export const positionWith = (offset: bigint, index: number, text = ''): Position =>
  text === ''
    ? { offset, index }
    : {
        offset,
        index,
        ahead: text
          .slice(1)
          .split(',')
          .map((one) => aheadOf(one, offset)),
      };

const aheadOf = (text: string, base: bigint): Ahead => {
  const [offset = '', index, attempts] = text.split('.');
  return { offset: base + BigInt(offset), index: Number(index), attempts: Number(attempts) };
};
