/** Something that must never be; each is proof of a defect, of the fabric or of whoever wrote the history. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly at: number;
  /** What happened to whom, for a reader. */
  readonly what: string;
  /** Of messages concerned. */
  readonly messages: number;
}

/**
 * - `lost`: acknowledged to the sender and never delivered (I4)
 * - `unsent`: delivered, but nobody sent it
 * - `inversion`: delivered for the first time after a later one of its lane (I5)
 * - `overtaken`: the same, where the earlier one was never acknowledged and was sent on a session that was over when the
 *   later one was sent: what a broken connection left behind landed after what came next
 * - `doubled`: delivered twice within one session: the log holds it twice, or the reader went back
 * - `stale_delivery`: delivered on a session though it was sent after the session's successor was there (I1, I2)
 * - `receipt_unfounded`: a receipt says more than recipients' logs do
 * - `receipt_missing`: recipients' logs say more than the receipt
 * - `receipt_hanging`: a message's receipt never came to an end
 * - `receipt_changed`: the sender was told of another end than the receipt has now
 * - `buried_twice`, `buried_and_acked`: a message with two dead letters; with one though its recipient was done with it
 * - `stale_send`: delivered or acknowledged though it was sent on a session whose successor had had effects (I1, I2)
 * - `misplaced`: lies in the log behind something of a later session of its sender (I1)
 */
export const violationKinds = [
  'lost',
  'unsent',
  'inversion',
  'overtaken',
  'doubled',
  'stale_delivery',
  'stale_send',
  'receipt_unfounded',
  'receipt_missing',
  'receipt_hanging',
  'receipt_changed',
  'buried_twice',
  'buried_and_acked',
  'misplaced',
] as const;
export type ViolationKind = (typeof violationKinds)[number];

/** Numbers as a reader likes them: `1-5, 9`. */
export const rangesOf = (numbers: readonly number[]): string => {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  const shown = ranges.slice(0, 5).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return [...shown, ...(ranges.length > shown.length ? [`… (${numbers.length} in all)`] : [])].join(', ');
};
