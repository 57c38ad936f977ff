/** What is to become of a named message, as its payload says: drawn by its sender, obeyed by its recipient. */
import type { Random } from '../random.ts';

export interface Errand {
  /**
   * - `ack`, at once or after a while
   * - `nack` or `leave` without an answer, so often, then ack
   * - `poison`: nack each time; `ignored`: never answer
   * - `deadly`: the recipient goes down each time
   */
  readonly does: 'ack' | 'nack' | 'leave' | 'poison' | 'ignored' | 'deadly';
  readonly times: number;
  /** How long it takes. */
  readonly takesMs: number;
}

/** In the order of their shares, of a thousand; the rest is acked. */
const shares: readonly (readonly [Errand['does'], number])[] = [
  ['nack', 50],
  ['leave', 15],
  ['poison', 8],
  ['ignored', 3],
  ['deadly', 1],
];

export const drawErrand = (random: Random): Errand => {
  let drawn = random.between(1, 1000);
  const [does] = shares.find(([, share]) => (drawn -= share) <= 0) ?? ['ack'];
  return { does, times: random.between(1, 3), takesMs: random.chance(0.05) ? random.between(1, 200) : 0 };
};

export const writeErrand = (errand: Errand): string => JSON.stringify(errand);

export const readErrand = (text: string): Errand => JSON.parse(text) as Errand;

/** What a recipient says of an attempt; `undefined` where it says nothing. */
export const answerTo = ({ does, times }: Errand, attempt: number): 'acked' | 'nacked' | undefined => {
  switch (does) {
    case 'ack':
      return 'acked';
    case 'nack':
      return attempt <= times ? 'nacked' : 'acked';
    case 'leave':
      return attempt <= times ? undefined : 'acked';
    case 'poison':
      return 'nacked';
    default:
      return undefined;
  }
};
