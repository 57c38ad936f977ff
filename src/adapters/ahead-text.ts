/**
 * What stores write behind a position: `;<offsets on>.<index>.<attempts>[.<losses>.<unseen>],…`, losses where there are
 * any; or nothing where nothing is ahead.
 */
import type { Ahead, Position } from '../ports/cursor-store.ts';

export const aheadText = ({ offset, ahead = [] }: Position): string =>
  ahead.length === 0 ? '' : `;${ahead.map((one) => textOf(one, offset)).join(',')}`;

const textOf = ({ offset, index, attempts, losses, unseen }: Ahead, base: bigint): string =>
  `${offset - base}.${index}.${attempts}${losses + unseen === 0 ? '' : `.${losses}.${unseen}`}`;

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
  const [offset = '', index, attempts, losses = 0, unseen = 0] = text.split('.');
  return {
    offset: base + BigInt(offset),
    index: Number(index),
    attempts: Number(attempts),
    losses: Number(losses),
    unseen: Number(unseen),
  };
};
